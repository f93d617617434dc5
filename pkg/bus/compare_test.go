package bus

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A field that nats.go adds to its configurations must not be missed: every field is compared, and merged.
func TestCompareSeesEveryField(t *testing.T) {
	everyField(t, jetstream.StreamConfig{})
	everyField(t, jetstream.ConsumerConfig{})
}

func everyField[T any](t *testing.T, zero T) {
	for f := range reflect.TypeFor[T]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		var declared T
		fill(reflect.ValueOf(&declared).Elem().FieldByIndex(f.Index))
		differ, err := compare(zero, declared, operatorsOwn)
		if err != nil || len(differ) != 1 || differ[0].Name != name {
			t.Errorf("compare(zero, %s set) = %+v, %v, want %s", f.Name, differ, err, name)
			continue
		}
		var merged T
		if changed, err := merge(zero, differ, &merged); err != nil || !changed || !reflect.DeepEqual(normal(t, merged), normal(t, declared)) {
			t.Errorf("merge of %s = %+v, %v, %v, want %+v", f.Name, merged, changed, err, declared)
		}
		back, err := compare(declared, zero, operatorsOwn)
		if own := slices.Contains(operatorsOwn, name); err != nil || (len(back) == 0) != own {
			t.Errorf("compare(%s set, zero) = %+v, %v, want a difference unless it is the operator's own", f.Name, back, err)
		}
	}
}

func normal[T any](t *testing.T, c T) string {
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fill sets a value that is not the zero one, and that the JSON of NATS can carry.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a": "b"}))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
			return
		}
		fill(v.Field(0))
	default:
		panic(v.Type().String())
	}
}

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		wide, narrow string
		want         bool
	}{
		{"a.*", "a.*", true}, {"a.*", "a.b", true}, {"a.>", "a.*", true}, {"a.>", "a.b.c", true}, {">", "a", true},
		{"a.*", "a.>", false}, {"a.*", "a", false}, {"a.*", "a.b.c", false}, {"a.b", "a.*", false}, {"a.>", "a", false}, {"a", "b", false},
	} {
		if got := covers(tt.wide, tt.narrow); got != tt.want {
			t.Errorf("covers(%q, %q) = %v, want %v", tt.wide, tt.narrow, got, tt.want)
		}
	}
}

// An age that gets shorter would delete what is older.
func TestRefuseAge(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	holds := func(messages uint64, age time.Duration) *jetstream.StreamInfo {
		return &jetstream.StreamInfo{TimeStamp: now, State: jetstream.StreamState{Msgs: messages, FirstTime: now.Add(-age)}}
	}
	for _, tt := range []struct {
		name    string
		info    *jetstream.StreamInfo
		age     time.Duration
		refused bool
	}{
		{"older", holds(1, 2*time.Hour), time.Hour, true},
		{"as old", holds(1, time.Hour), time.Hour, false},
		{"younger", holds(1, time.Minute), time.Hour, false},
		{"empty", holds(0, 2*time.Hour), time.Hour, false},
		{"no age any more", holds(1, 2*time.Hour), 0, false},
	} {
		if got := refuseAge(tt.info, tt.age); (got != "") != tt.refused {
			t.Errorf("%s: refuseAge = %q, want refused %v", tt.name, got, tt.refused)
		}
	}
}
