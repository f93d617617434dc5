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

// yamlToJSON converts one YAML document. Keys that repeat are kept: the JSON reader names their path. Errors name lines and
// never the values there, which may be secrets.
func yamlToJSON(b []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Load(b, &document); err != nil {
		return nil, yamlProblem(err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, errors.New("it is empty")
	}
	var out bytes.Buffer
	err := writeNode(&out, document.Content[0], 0)
	return out.Bytes(), err
}

// yamlProblem keeps what the reader says, unless it quotes the document.
func yamlProblem(err error) error {
	problem, ok := errors.AsType[*yaml.LoadError](err)
	switch {
	case !ok || problem.Mark.Line == 0:
		return errors.New("it is not exactly one YAML document")
	case strings.Contains(problem.Message, "anchor"):
		return fmt.Errorf("line %d: anchors are not supported", problem.Mark.Line)
	default:
		return fmt.Errorf("line %d: it is not YAML: %s", problem.Mark.Line, problem.Message)
	}
}

func writeNode(out *bytes.Buffer, n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("line %d: nested deeper than %d levels", n.Line, maxDepth)
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d: anchors are not supported", n.Line)
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
			return fmt.Errorf("line %d: a key has to be a text", key.Line)
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
		return fmt.Errorf("line %d: tags of one's own are not supported", n.Line)
	}
	if err != nil {
		return fmt.Errorf("line %d: the number cannot be read", n.Line)
	}
	text, err := json.Marshal(value)
	out.Write(text)
	return err
}
