package genesystest

import (
	"encoding/json"
	"net/http"
	"time"
)

// faultJSON is a Fault on the control endpoint; Delay is written as "1.5s".
type faultJSON struct {
	Op         string `json:"op"`
	Path       string `json:"path"`
	Kind       Kind   `json:"kind"`
	Skip       int    `json:"skip"`
	Times      int    `json:"times"`
	Status     int    `json:"status"`
	RetryAfter string `json:"retryAfter"`
	Location   string `json:"location"`
	Delay      string `json:"delay"`
}

func (j faultJSON) fault() (Fault, error) {
	f := Fault{
		Op: j.Op, Path: j.Path, Kind: j.Kind, Skip: j.Skip, Times: j.Times,
		Status: j.Status, RetryAfter: j.RetryAfter, Location: j.Location,
	}
	if j.Delay == "" {
		return f, nil
	}
	var err error
	f.Delay, err = time.ParseDuration(j.Delay)
	return f, err
}

func (s *Simulator) postFault(w http.ResponseWriter, r *http.Request) {
	var j faultJSON
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(&j)
	if err == nil {
		err = s.injectJSON(j)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) injectJSON(j faultJSON) error {
	f, err := j.fault()
	if err != nil {
		return err
	}
	return s.inject(f)
}

func (s *Simulator) deleteFaults(w http.ResponseWriter, _ *http.Request) {
	s.ClearFaults()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) getState(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(s.State()) // a client that has gone is its own affair
}
