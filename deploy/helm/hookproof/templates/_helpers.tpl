{{/* The name that everything of a release begins with. */}}
{{- define "hookproof.name" -}}
{{- if contains "hookproof" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-hookproof" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What selects the pods of a role; takes (dict "root" $ "role" role). */}}
{{- define "hookproof.selector" -}}
app.kubernetes.io/name: hookproof
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "hookproof.labels" -}}
{{ include "hookproof.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: hookproof
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "hookproof.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- define "hookproof.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "hookproof.containerSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities: {drop: [ALL]}
{{- end }}

{{/* How a command reaches NATS; takes (dict "root" $ "user" user). */}}
{{- define "hookproof.natsEnv" -}}
- {name: NATS_URL, value: {{ .root.Values.nats.url | quote }}}
- {name: NATS_NKEY, value: /run/hookproof/nats/seed}
- {name: NATS_INBOX_PREFIX, value: {{ printf "_INBOX_%s" .user | quote }}}
{{- if has .user (list "ingress" "provisioner") }}
- {name: NATS_JS_API_PREFIX, value: HOOKS.API}
{{- end }}
{{- if .root.Values.nats.ca.secret }}
- {name: NATS_CA, value: /run/hookproof/nats-ca/ca.pem}
{{- end }}
{{- if has .user (list "ingress" "verifier") }}
- {name: HOOKPROOF_COMMIT, value: {{ .root.Values.nats.commit | quote }}}
{{- end }}
- {name: HOOKPROOF_HORIZON, value: {{ .root.Values.horizon | quote }}}
- {name: HOOKPROOF_REPLAY_MEMORY, value: {{ .root.Values.replayMemory | quote }}}
- {name: HOOKPROOF_LOG_LEVEL, value: {{ .root.Values.logLevel | quote }}}
{{- end }}

{{- define "hookproof.natsMounts" -}}
- {name: nats, mountPath: /run/hookproof/nats, readOnly: true}
{{- if .root.Values.nats.ca.secret }}
- {name: nats-ca, mountPath: /run/hookproof/nats-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "hookproof.natsVolumes" -}}
- name: nats
  secret:
    secretName: {{ get .root.Values.nats.seeds .user }}
    defaultMode: 0440
    items: [{key: {{ .root.Values.nats.seeds.key | quote }}, path: seed}]
{{- with .root.Values.nats.ca }}
{{- if .secret }}
- name: nats-ca
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    items: [{key: {{ .key | quote }}, path: ca.pem}]
{{- end }}
{{- end }}
{{- end }}
