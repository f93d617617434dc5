package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// MinLength is the shortest secret that is accepted, in bytes. Below it an HMAC key can be guessed; Genesys Cloud's Open
// Messaging asks for more than 15 characters too.
const MinLength = 16

// MaxLength is the longest secret that is accepted, in bytes.
const MaxLength = 4096

// Errors that a caller branches on.
var (
	// ErrPlain says that a reference has none of the known forms, so that it may be a secret in plain text. The error
	// never repeats it.
	ErrPlain = errors.New("is not a reference: write env:NAME, file:PATH or sealed:…; a plain secret is refused")
	// ErrNotAllowed says that a reference names something outside what references may reach.
	ErrNotAllowed = errors.New("is outside what a reference may read")
	// ErrUnresolved says that the reference is well formed but its secret cannot be had now.
	ErrUnresolved = errors.New("cannot be resolved")
)

// Transient reports whether a secret could not be read for a want of this machine's, such as file descriptors or memory: it
// says nothing of the secret, and the next try may well succeed.
func Transient(err error) bool {
	for _, want := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// Ref is a reference to a secret. It is not a secret itself and may be printed once Check has accepted it.
type Ref string

const (
	envScheme    = "env:"
	fileScheme   = "file:"
	sealedScheme = "sealed:"
)

// Check reports whether r has a form and a name that references may have. It reads nothing.
func (r Ref) Check() error {
	s := string(r)
	switch {
	case strings.HasPrefix(s, envScheme):
		if name := s[len(envScheme):]; !envAllowed(name) {
			return fmt.Errorf("env:%.64q %w: only WEBHOOK_SECRET and HOOKPROOF_SECRET_*", name, ErrNotAllowed)
		}
	case strings.HasPrefix(s, fileScheme):
		if p := s[len(fileScheme):]; p == "" || strings.ContainsRune(p, 0) || !filepath.IsLocal(p) && !filepath.IsAbs(p) {
			return fmt.Errorf("file:%.64q %w: a path below the secret directory", p, ErrNotAllowed)
		}
	case strings.HasPrefix(s, sealedScheme):
		if _, _, err := splitSealed(s); err != nil {
			return err
		}
	default:
		return ErrPlain
	}
	return nil
}

func envAllowed(name string) bool {
	if name == "WEBHOOK_SECRET" {
		return true
	}
	rest, ok := strings.CutPrefix(name, "HOOKPROOF_SECRET_")
	// HOOKPROOF_SECRET_DIR is a setting, not a secret.
	return ok && rest != "" && rest != "DIR" && strings.IndexFunc(rest, notEnvRune) < 0
}

func notEnvRune(r rune) bool {
	return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
}

// Resolver turns references into secrets. The zero Resolver resolves nothing. It is safe for concurrent use.
type Resolver struct {
	// Getenv looks an environment variable up, as os.LookupEnv does; nil refuses env: references.
	Getenv func(name string) (string, bool)
	// Dir is the only directory that file: references may read; empty refuses them.
	Dir string
	// Key opens sealed: references; nil refuses them.
	Key *Key
}

// Resolve returns the secret that ref names for a webhook. Errors wrap ErrPlain, ErrNotAllowed or ErrUnresolved and
// never carry the secret.
func (r Resolver) Resolve(ref Ref, webhook string) (Text, error) {
	if err := ref.Check(); err != nil {
		return Text{}, err
	}
	text, err := r.read(string(ref), webhook)
	if err != nil {
		return Text{}, err
	}
	if err := CheckLength(text); err != nil {
		return Text{}, fmt.Errorf("%w: %w", ErrUnresolved, err)
	}
	return text, nil
}

// CheckLength reports a secret that is shorter than MinLength or longer than MaxLength.
func CheckLength(t Text) error {
	switch n := t.Len(); {
	case n < MinLength:
		return fmt.Errorf("the secret has %d bytes, at least %d are needed", n, MinLength)
	case n > MaxLength:
		return fmt.Errorf("the secret has %d bytes, at most %d are accepted", n, MaxLength)
	}
	return nil
}

func (r Resolver) read(ref, webhook string) (Text, error) {
	switch {
	case strings.HasPrefix(ref, envScheme):
		return r.readEnv(ref[len(envScheme):])
	case strings.HasPrefix(ref, fileScheme):
		return r.readFile(ref[len(fileScheme):])
	default:
		return r.Key.open(ref, webhook)
	}
}

func (r Resolver) readEnv(name string) (Text, error) {
	if r.Getenv == nil {
		return Text{}, fmt.Errorf("env:%s %w: this process reads no environment", name, ErrUnresolved)
	}
	v, ok := r.Getenv(name)
	if !ok || v == "" {
		return Text{}, fmt.Errorf("env:%s %w: the variable is not set", name, ErrUnresolved)
	}
	return New(v), nil
}

// readFile reads through os.Root, which refuses every path and every link that leaves the directory.
func (r Resolver) readFile(path string) (Text, error) {
	if r.Dir == "" {
		return Text{}, fmt.Errorf("file:%s %w: no secret directory is set (HOOKPROOF_SECRET_DIR)", path, ErrUnresolved)
	}
	rel, err := r.relative(path)
	if err != nil {
		return Text{}, err
	}
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return Text{}, fmt.Errorf("file:%s %w: %w", path, ErrUnresolved, err)
	}
	defer root.Close()
	f, err := root.Open(rel)
	if err != nil {
		return Text{}, fmt.Errorf("file:%s %w: %w", path, ErrUnresolved, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxLength+2))
	if err != nil {
		return Text{}, fmt.Errorf("file:%s %w: %w", path, ErrUnresolved, err)
	}
	return New(strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")), nil
}

func (r Resolver) relative(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return path, nil
	}
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return "", fmt.Errorf("file:%s %w: %w", path, ErrUnresolved, err)
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("file:%s %w: it is not below the secret directory", path, ErrNotAllowed)
	}
	return rel, nil
}
