package bus

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// operatorsOwn are settings that a topology says nothing about: where they are not declared, they stay as an operator or
// the server made them. Every other setting that is not declared is brought back to its zero value.
var operatorsOwn = []string{"placement", "metadata", "compression", "name", "pause_until", "max_waiting"}

// difference is a setting that differs, as JSON.
type difference struct {
	Setting
	to json.RawMessage // nil: left out
}

func settings(list []difference) []Setting {
	out := make([]Setting, len(list))
	for i, d := range list {
		out[i] = d.Setting
	}
	return out
}

// compare lists the settings in which two configurations of one type differ, whichever fields the type has. What the server
// fills in for what was left out is no difference.
func compare[T any](live, want T, own []string) ([]difference, error) {
	have, err := object(live)
	if err != nil {
		return nil, err
	}
	declared, err := object(want)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(have)
	maps.Copy(names, declared)
	var out []difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		from, to := value(name, have[name]), value(name, declared[name])
		if from == to || slices.Contains(own, name) && !says(declared[name]) {
			continue
		}
		kind := kindOf[T](name)
		out = append(out, difference{Setting{Name: name, From: text(from, kind), To: text(to, kind)}, declared[name]})
	}
	return out, nil
}

// merge writes a live configuration with the differences that are not refused into a configuration, and reports whether
// there are any.
func merge[T any](live T, differ []difference, into *T) (changed bool, err error) {
	fields, err := object(live)
	if err != nil {
		return false, err
	}
	for _, d := range differ {
		switch {
		case d.Refused != "":
			continue
		case d.to == nil:
			delete(fields, d.Name)
		default:
			fields[d.Name] = d.to
		}
		changed = true
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return false, err
	}
	return changed, json.Unmarshal(b, into)
}

func object(config any) (map[string]json.RawMessage, error) {
	b, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	return fields, json.Unmarshal(b, &fields)
}

// says reports whether a value is declared: compression always stands in a configuration, and none is its zero value.
func says(v json.RawMessage) bool { return value("", v) != "" && string(v) != `"none"` }

// value writes a setting so that equal ones are equal: the server writes no limit as -1, and what is left out in full.
func value(name string, v json.RawMessage) string {
	switch s := string(v); s {
	case "null", "false", "0", `""`, "{}", "[]":
		return ""
	case "-1":
		if strings.HasPrefix(name, "max_") {
			return ""
		}
		return s
	default:
		return s
	}
}

// kindOf returns the type of the field that JSON calls by a name.
func kindOf[T any](name string) reflect.Type {
	t := reflect.TypeFor[T]()
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return f.Type
		}
	}
	return reflect.TypeFor[any]()
}

// text writes a setting for people.
func text(v string, kind reflect.Type) string {
	switch {
	case v == "" && kind.Kind() == reflect.Bool:
		return "false"
	case v == "":
		return "none"
	case kind == reflect.TypeFor[time.Duration]():
		var d time.Duration
		if json.Unmarshal([]byte(v), &d) == nil {
			return d.String()
		}
	case kind.Kind() == reflect.String || strings.HasPrefix(v, `"`):
		return strings.Trim(v, `"`)
	}
	return v
}
