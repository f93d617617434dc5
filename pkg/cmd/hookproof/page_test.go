package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// block is a piece of a Markdown page that is indented by four spaces or fenced, and what a marker says of it. A marker is
// a comment on a line of its own before the block, and holds for each command of it:
//
//	<!-- not run: why -->          it cannot run in a test
//	<!-- background: text -->      it runs on until the next one of these; the text is an URL that answers 200 once it is
//	                               ready, or something that it prints
//	<!-- until: text -->           it is ended with Ctrl-C once it has printed the text
//	<!-- exits: 3 -->              its exit code
type block struct {
	line           int // of the page, counted from 1
	text           string
	marker, detail string
}

var (
	markerLine = regexp.MustCompile(`^<!-- (not run|background|until|exits): (.+) -->$`)
	yamlStart  = regexp.MustCompile(`^(#.*\n)*[A-Za-z]+: `)
)

// readBlocks reads the blocks of a page. Fenced ones in another language than sh, bash and yaml are left out.
func readBlocks(t *testing.T, page string) []block {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	var marker, detail string
	lines := strings.Split(string(b), "\n")
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case markerLine.MatchString(line):
			m := markerLine.FindStringSubmatch(line)
			marker, detail = m[1], m[2]
		case strings.HasPrefix(line, "```"):
			begin, language := i+1, strings.TrimPrefix(line, "```")
			for i++; i < len(lines) && !strings.HasPrefix(lines[i], "```"); i++ {
			}
			if strings.Contains(" sh bash yaml ", " "+language+" ") {
				blocks = append(blocks, block{begin + 1, strings.Join(lines[begin:i], "\n"), marker, detail})
			}
			marker, detail = "", ""
		case strings.HasPrefix(line, "    ") && (i == 0 || strings.TrimSpace(lines[i-1]) == "" || markerLine.MatchString(lines[i-1])):
			begin, end := i, i
			for ; i < len(lines) && (strings.HasPrefix(lines[i], "    ") || strings.TrimSpace(lines[i]) == ""); i++ {
				if strings.TrimSpace(lines[i]) != "" {
					end = i
				}
			}
			i--
			text := strings.ReplaceAll("\n"+strings.Join(lines[begin:end+1], "\n"), "\n    ", "\n")
			blocks = append(blocks, block{begin + 1, text[1:], marker, detail})
			marker, detail = "", ""
		case strings.TrimSpace(line) != "" && marker != "":
			t.Errorf("%s:%d: the marker <!-- %s: %s --> stands before no block", page, i+1, marker, detail)
			marker, detail = "", ""
		}
	}
	return blocks
}

// isFile reports a block that shows a file and is not to be typed.
func (b block) isFile() bool { return yamlStart.MatchString(b.text) }

// commands splits a block where a shell would: a command goes on until what stands there is complete.
func (b block) commands(t *testing.T) []string {
	t.Helper()
	var all []string
	open := ""
	for line := range strings.Lines(b.text + "\n") {
		if open == "" && (strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#")) {
			continue
		}
		open += line
		out, err := exec.Command("bash", "-n", "-c", open).CombinedOutput()
		if err == nil && len(out) == 0 && !strings.HasSuffix(open, "\\\n") {
			all, open = append(all, strings.TrimSuffix(open, "\n")), ""
		}
	}
	if open != "" {
		t.Errorf("line %d: the command is not complete: %s", b.line, open)
	}
	return all
}

func TestReadBlocks(t *testing.T) {
	page := t.TempDir() + "/page.md"
	text := "# A page\n\nText `code`\n    not a block\n\n    one \\\n      two\n    for i in 1; do\n\n      echo $i\n    done\n\n" +
		"<!-- exits: 3 -->\n```sh\ncat <<E\n# text\nE\n```\n\n```json\n{}\n```\n\n<!-- not run: why -->\n\n    webhook: a\n\n    webhook: b\n"
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := readBlocks(t, page)
	if len(blocks) != 3 || blocks[0].line != 6 || blocks[1].marker != "exits" || blocks[1].detail != "3" || blocks[2].marker != "not run" ||
		!blocks[2].isFile() || blocks[2].text != "webhook: a\n\nwebhook: b" {
		t.Fatalf("blocks = %+v", blocks)
	}
	for i, want := range [][]string{{"one \\\n  two", "for i in 1; do\n\n  echo $i\ndone"}, {"cat <<E\n# text\nE"}} {
		if got := blocks[i].commands(t); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("commands = %q, want %q", got, want)
		}
	}
}

// TestRunPage follows a page with every marker: what one command sets the next one knows, and everything ends.
func TestRunPage(t *testing.T) {
	page := t.TempDir() + "/page.md"
	text := "    A='one  two'\n    mkdir sub && cd sub\n    test \"$A\" = 'one  two' && test \"${PWD##*/}\" = sub\n\n" +
		"<!-- background: ready -->\n\n    echo $$ >../pid; echo ready; exec tail -f /dev/null\n\n" +
		"<!-- until: tick -->\n\n    kill -0 $(cat ../pid) && echo tick && tail -f /dev/null\n\n" +
		"<!-- exits: 3 -->\n\n    (exit 3)\n\n" +
		"<!-- not run: it would fail -->\n\n    false\n\nA file:\n\n" +
		"    webhook: a\n    kind: none\n\nand what it prints:\n\n    printed 1\n"
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	x := newTerminal(t, t.TempDir())
	var files []string
	runPage(t, x, page, []step{{on: "printed", prints: `^printed 1$`, with: strings.NewReplacer("printed 1", "echo printed 1 | tr -d '\\n'")}},
		func(name string) { files = append(files, name) })
	if x.close(); len(files) != 1 || files[0] != "a.yaml" {
		t.Errorf("files = %q, want a.yaml", files)
	}
	pid, err := os.ReadFile(x.dir + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	if exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run() == nil {
		t.Errorf("what ran in the background runs on")
	}
	shown, err := os.ReadFile(x.dir + "/a.yaml")
	if err != nil || string(shown) != "webhook: a\nkind: none\n" {
		t.Errorf("a.yaml = %q, %v", shown, err)
	}
}
