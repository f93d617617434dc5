package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"go.yaml.in/yaml/v4"
)

// lineError is a problem at a line, which is counted from 1. It never shows what stands there, which may be a secret.
type lineError struct {
	line    int
	problem string
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.problem) }

// yamlToJSON reads one YAML document as JSON.
func yamlToJSON(b []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Load(b, &document); err != nil {
		return nil, yamlProblem(err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, errors.New("it is empty")
	}
	return nodeToJSON(document.Content[0])
}

// nodeToJSON converts a document's content. Keys that repeat are kept: the JSON reader names their path.
func nodeToJSON(n *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	err := writeNode(&out, n, 0)
	return out.Bytes(), err
}

// yamlProblem keeps what the reader says, unless it quotes the document.
func yamlProblem(err error) error {
	problem, ok := errors.AsType[*yaml.LoadError](err)
	switch {
	case !ok || problem.Mark.Line == 0:
		return errors.New("it is not exactly one YAML document")
	case strings.Contains(problem.Message, "anchor"):
		return lineError{problem.Mark.Line, "anchors are not supported"}
	default:
		return lineError{problem.Mark.Line, "it is not YAML: " + problem.Message}
	}
}

func writeNode(out *bytes.Buffer, n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return lineError{n.Line, fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return lineError{n.Line, "anchors are not supported"}
	}
	switch n.Kind {
	case yaml.MappingNode:
		return writeMapping(out, n, depth)
	case yaml.SequenceNode:
		return writeSequence(out, n, depth)
	default:
		return writeScalar(out, n)
	}
}

func writeMapping(out *bytes.Buffer, n *yaml.Node, depth int) error {
	out.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.ShortTag() != "!!str" {
			return lineError{key.Line, "a key has to be a text"}
		}
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeNode(out, key, depth+1); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := writeNode(out, n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeSequence(out *bytes.Buffer, n *yaml.Node, depth int) error {
	out.WriteByte('[')
	for i, item := range n.Content {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeNode(out, item, depth+1); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return nil
}

// writeScalar writes a scalar as YAML 1.2 resolves it, so that on, off, yes and no are texts, and so are dates.
func writeScalar(out *bytes.Buffer, n *yaml.Node) error {
	value := any(n.Value)
	var err error
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
	case "!!null":
		value = nil
	case "!!bool":
		value = strings.EqualFold(n.Value, "true")
	case "!!int":
		var i int64
		err = n.Decode(&i)
		value = i
	case "!!float":
		var f float64
		if err = n.Decode(&f); math.IsNaN(f) || math.IsInf(f, 0) {
			err = errors.ErrUnsupported
		}
		value = f
	default:
		return lineError{n.Line, "tags of one's own are not supported"}
	}
	if err != nil {
		return lineError{n.Line, "the number cannot be read"}
	}
	text, err := json.Marshal(value)
	out.Write(text)
	return err
}
