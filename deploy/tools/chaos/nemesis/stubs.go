package nemesis

func servers() []Scenario  { return nil }
func storage() []Scenario  { return nil }
func time_() []Scenario    { return nil }
func messages() []Scenario { return nil }
func limits() []Scenario   { return nil }
func links() []Scenario    { return nil }
func clusters() []Scenario { return nil }
