package planted_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/planted"
)

// TestNormalBuild holds that nothing is planted where nobody asked for it.
func TestNormalBuild(t *testing.T) {
	for _, b := range planted.Bugs() {
		if b.On {
			t.Errorf("%s is on: %s", b.Tag, b.What)
		}
	}
}

// TestTags holds that each tag exchanges its own switch and no other.
func TestTags(t *testing.T) {
	normal := files(t, "")
	for _, b := range planted.Bugs() {
		name := strings.TrimPrefix(b.Tag, "planted_")
		want := slices.Clone(normal)
		if i := slices.Index(want, name+"_off.go"); i >= 0 {
			want[i] = name + "_on.go"
		}
		slices.Sort(want)
		if got := files(t, b.Tag); !slices.Equal(got, want) || slices.Equal(got, normal) {
			t.Errorf("files with %s = %v, want %v", b.Tag, got, want)
		}
	}
}

// files lists what the package is built of with a tag.
func files(t *testing.T, tag string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-tags", tag, "-f", "{{join .GoFiles \" \"}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(out))
	slices.Sort(names)
	return names
}
