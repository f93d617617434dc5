package nemesis

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// provisioning are faults between a config message and the webhook that it asks for.
func provisioning() []Scenario {
	points := provisionerPoints()
	return []Scenario{{Name: "provisioner-killed", Strikes: "SIGKILL to the provisioner at each point of making a webhook, and lost answers of the API",
		Promise: "each webhook is created once and live, and its sender's events are verified",
		Run:     history.Run{MinVerified: 100, MinFaults: len(points) + lostAnswers, External: remotes(len(points) + lostAnswers)},
		Options: target.Options{Simulator: true, Env: []string{"HOOKPROOF_PROVISIONER_LEASE=2s"}}, Strike: killProvisioner}}
}

// lostAnswers is how many creations have their effect and no answer.
const lostAnswers = 2

// provisionerPoints are the failpoints that the making of one webhook passes.
func provisionerPoints() []string {
	points := []string{"config.accepted"}
	for _, step := range []string{"policy", "route", "create", "test", "enable"} {
		for _, point := range []string{"begun", "done", "recorded"} {
			points = append(points, step+"."+point)
		}
	}
	return points
}

func remotes(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("remote-%d", i+1))
	}
	return names
}

func killProvisioner(ctx context.Context, r *Rig) error {
	points := provisionerPoints()
	names := remotes(len(points) + lostAnswers)
	r.Rng.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	for i, point := range points {
		before := r.rec.Faults()
		r.Provisioner.Env("HOOKPROOF_FAILPOINT=" + point + ":1:kill")
		if err := r.Provisioner.Kill(); err != nil {
			return err
		}
		if err := r.ConfigureRemote(ctx, names[i], false); err != nil {
			return err
		}
		if err := r.struck(ctx, before, r.Provisioner.Name+" at "+point); err != nil {
			return err
		}
	}
	for range lostAnswers { // hit whichever webhook is created next
		if err := r.simFault(ctx, "CreateWebhook", "lost-answer"); err != nil {
			return err
		}
		r.Struck("lost answer", "CreateWebhook")
	}
	for _, name := range names {
		if err := r.ConfigureRemote(ctx, name, true); err != nil {
			return err
		}
	}
	sleep(ctx, 2*time.Second)
	return r.checkRemotes(ctx, names)
}

// checkRemotes asks the simulator what there is.
func (r *Rig) checkRemotes(ctx context.Context, names []string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.SimURL+"/_sim/state", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var state struct {
		Created    map[string]int
		Deliveries struct{ Events, Accepted, GivenUp int }
		Webhooks   []struct {
			Name    string
			Enabled bool
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&state); err != nil {
		return err
	}
	if n := state.Created["webhook"]; n != len(names) || len(state.Webhooks) != n {
		r.Broken("%d webhooks were created and %d are there, want %d", n, len(state.Webhooks), len(names))
	}
	for _, w := range state.Webhooks {
		if !w.Enabled {
			r.Broken("%s is not enabled", w.Name)
		}
	}
	if state.Deliveries.Accepted == 0 || state.Deliveries.GivenUp > 0 {
		r.Broken("of the simulator's events %d were accepted and %d given up", state.Deliveries.Accepted, state.Deliveries.GivenUp)
	}
	return nil
}

// simFault lets the next call of an operation of the API go wrong.
func (r *Rig) simFault(ctx context.Context, op, kind string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.SimURL+"/_sim/faults", bytes.NewReader(fmt.Appendf(nil, `{"op":%q,"kind":%q}`, op, kind)))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the simulator refuses the fault: %s", res.Status)
	}
	return nil
}
