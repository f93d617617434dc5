package genesystest

import (
	"net/url"
	"strconv"
)

// pageJSON is the envelope of a listing.
type pageJSON[T any] struct {
	Entities   []T    `json:"entities"`
	PageSize   int    `json:"pageSize"`
	PageNumber int    `json:"pageNumber"`
	Total      int    `json:"total"`
	FirstURI   string `json:"firstUri"`
	LastURI    string `json:"lastUri"`
	NextURI    string `json:"nextUri,omitempty"`
	SelfURI    string `json:"selfUri"`
	PageCount  int    `json:"pageCount"`
}

// paged returns the page of all that the query asks for.
func paged[T any](u *url.URL, all []T, limit int) answer {
	size := min(max(1, number(u, "pageSize", 25)), limit)
	page := max(1, number(u, "pageNumber", 1))
	count := (len(all) + size - 1) / size
	at := func(n int) string {
		return u.Path + "?pageSize=" + strconv.Itoa(size) + "&pageNumber=" + strconv.Itoa(n)
	}
	p := pageJSON[T]{
		Entities: []T{}, PageSize: size, PageNumber: page, Total: len(all), PageCount: count,
		FirstURI: at(1), LastURI: at(max(1, count)), SelfURI: at(page),
	}
	if page <= count {
		p.Entities = all[(page-1)*size : min(page*size, len(all))]
	}
	if page < count {
		p.NextURI = at(page + 1)
	}
	return ok(p)
}

func number(u *url.URL, name string, otherwise int) int {
	n, err := strconv.Atoi(u.Query().Get(name))
	if err != nil {
		return otherwise
	}
	return n
}
