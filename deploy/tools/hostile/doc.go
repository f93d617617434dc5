// Package hostile holds tests that need slowhttptest, which Debian packages, and a minute for each attack. It is a module of
// its own so that no gate needs the tool: make test-hostile installs it and runs them.
package hostile
