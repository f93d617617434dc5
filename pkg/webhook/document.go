package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// MaxFile is the size in bytes of the largest file of documents that is read.
const MaxFile = 8 << 20

// Document is one webhook of a file, and where it stands there.
type Document struct {
	Webhook
	File string
	Line int   // at which it begins, counted from 1
	Err  error // what is wrong with it, as of ParseJSON; Webhook then holds what could be read

	lines map[string]int // of its fields
}

// ParseDocuments reads a file of any number of documents: YAML documents for .yaml and .yml, JSON objects one after another
// for .json. Documents without content are left out. Where a document cannot be read, nor can those after it: it is the last
// one, and its Err wraps ErrSyntax.
func ParseDocuments(file string, b []byte) []Document {
	unread := func(err error) []Document { return []Document{{File: file, Line: 1, Err: err}} }
	if len(b) > MaxFile {
		return unread(fmt.Errorf("%w: the file has more than %d bytes", ErrSyntax, MaxFile))
	}
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".json":
		return jsonDocuments(file, b)
	case ".yaml", ".yml":
		return yamlDocuments(file, b)
	default:
		return unread(fmt.Errorf("%w: the name ends in %.16q, not in .yaml, .yml or .json", ErrSyntax, ext))
	}
}

func yamlDocuments(file string, b []byte) (all []Document) {
	unread := func(line int, err error) []Document {
		return append(all, Document{File: file, Line: line, Err: fmt.Errorf("%w: %w", ErrSyntax, err)})
	}
	loader, err := yaml.NewLoader(bytes.NewReader(b))
	if err != nil {
		return unread(1, yamlProblem(err))
	}
	for {
		var n yaml.Node
		err := loader.Load(&n)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			err = yamlProblem(err)
			return unread(lineOf(err, 1), err)
		}
		if n.Kind != yaml.DocumentNode || len(n.Content) != 1 || empty(n.Content[0]) {
			continue
		}
		all = append(all, yamlDocument(file, n.Content[0]))
	}
}

// empty reports a document of comments only.
func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func yamlDocument(file string, n *yaml.Node) Document {
	d := Document{File: file, Line: n.Line, lines: map[string]int{}}
	converted, err := nodeToJSON(n)
	if err != nil {
		d.Line, d.Err = lineOf(err, n.Line), fmt.Errorf("%w: %w", ErrSyntax, err)
		return d
	}
	noteLines("", n, d.lines)
	d.Webhook, d.Err = ParseJSON(converted)
	return d
}

// noteLines notes the line of each field by the path that errors name it by.
func noteLines(path string, n *yaml.Node, lines map[string]int) {
	for i := 0; i < len(n.Content); i++ {
		inner, value := fmt.Sprintf("%s[%d]", path, i), n.Content[i]
		if n.Kind == yaml.MappingNode {
			inner = join(path, value.Value)
		}
		lines[inner] = value.Line
		if n.Kind == yaml.MappingNode {
			if i++; i >= len(n.Content) {
				return
			}
			value = n.Content[i]
		}
		noteLines(inner, value, lines)
	}
}

func lineOf(err error, otherwise int) int {
	if e, ok := errors.AsType[lineError](err); ok {
		return e.line
	}
	return otherwise
}

func jsonDocuments(file string, b []byte) (all []Document) {
	decoder := json.NewDecoder(bytes.NewReader(b))
	for {
		begin := afterSpace(b, decoder.InputOffset())
		d := Document{File: file, Line: lineAt(b, begin), lines: map[string]int{}}
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
				d.Line = lineAt(b, syntax.Offset)
			}
			d.Err = fmt.Errorf("%w: it is not JSON, or ends too early", ErrSyntax)
			return append(all, d)
		}
		at := map[string]int64{}
		d.Webhook, d.Err = parseJSON(raw, at)
		for field, offset := range at {
			d.lines[field] = lineAt(b, begin+afterSpace(raw, offset))
		}
		all = append(all, d)
	}
}

// afterSpace returns the offset of what comes next: of a value in a list the comma before it is passed over too.
func afterSpace(b []byte, offset int64) int64 {
	rest := b[offset:]
	return offset + int64(len(rest)-len(bytes.TrimLeft(rest, " \t\r\n,")))
}

func lineAt(b []byte, offset int64) int {
	return 1 + bytes.Count(b[:min(offset, int64(len(b)))], []byte("\n"))
}

// Place returns where a field stands as file:line: the line of what it stands in where the field itself is missing.
func (d Document) Place(field string) string {
	for {
		if line, ok := d.lines[field]; ok {
			return fmt.Sprintf("%s:%d", d.File, line)
		}
		i := strings.LastIndexAny(field, ".[")
		if i < 0 {
			return fmt.Sprintf("%s:%d", d.File, d.Line)
		}
		field = field[:i]
	}
}

// Problems returns each part of an error of the document as a line of its own that begins with its place.
func (d Document) Problems(err error) (lines []string) {
	fields, ok := errors.AsType[FieldErrors](err)
	switch {
	case err == nil:
	case !ok:
		lines = append(lines, d.Place("")+": "+err.Error())
	}
	for _, f := range fields {
		lines = append(lines, d.Place(f.Field)+": "+f.Error())
	}
	return lines
}
