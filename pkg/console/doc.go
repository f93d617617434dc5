// Package console is a page for the people on call, on the admin listener: what is verified and refused now, how fast, what
// was refused last and why, how far the verifiers are behind, and what each webhook shall be and is. In go the streams, the
// provisioner's records and the live policies; out comes HTML, which follows by server-sent events. It changes nothing and
// offers no way to: what an operator may want to do is shown as a command to copy. It never shows a body or a header of a
// request, nor a secret.
//
//	GET /console          the page
//	GET /console/events   its parts again whenever they change, as server-sent events
//
// What a role may not read is said to be not visible to it. While the bus cannot be reached the page keeps what was known
// last, and says of when it is. One reader serves any number of browsers, and reads only while somebody looks.
//
// Where to look: console.go answers requests, feed.go runs the reader and hands its readings round, reader.go reads, with
// history.go for the plots, page.go and plot.go turn a reading into HTML, templates/ and static/ are what browsers get.
package console
