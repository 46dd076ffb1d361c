{{/* What every pod of a service mounts: /tmp, the database's authority, the scripts of files/. */}}
{{- define "heyi.mountsOfPod" -}}
- {name: tmp, mountPath: /tmp}
{{- if include "heyi.caSecret" .root }}
- {name: postgresql-ca, mountPath: /etc/heyi/postgresql, readOnly: true}
{{- end }}
{{- end }}

{{- define "heyi.volumesOfPod" -}}
- {name: tmp, emptyDir: {sizeLimit: {{ .svc.tmp }}}}
{{- with include "heyi.caSecret" .root }}
- {name: postgresql-ca, secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}}
{{- end }}
{{- if and .svc.database (include "heyi.together" .root) }}
- {name: setup, configMap: {name: {{ include "heyi.full" (dict "root" .root "name" "setup") }}}}
{{- end }}
{{- end }}

{{/* What a service is told in secret: dict "root" "name" "svc" "services". */}}
{{- define "heyi.serviceEnv" -}}
{{- if .svc.database }}
{{ include "heyi.databaseEnv" (merge (dict "role" "app" "env" "DATABASE_URL") .) }}
{{- end }}
{{- if ne .svc.nats "none" }}
{{ include "heyi.natsEnv" . }}
{{- end }}
{{ include "heyi.secretEnv" (dict "env" (printf "HEYI_%s_CLIENT_SECRET" .svc.upper) "secret" .svc.secret "key" "client-secret") }}
{{- if eq .name "gateway" }}
{{ include "heyi.secretEnv" (dict "env" "HEYI_GATEWAY_SERVICE_CLIENT_SECRET" "secret" .svc.secret "key" "service-client-secret") }}
{{- end }}
{{- if .svc.keys }}
{{ include "heyi.secretEnv" (dict "env" (printf "HEYI_%s_KEYS" .svc.upper) "secret" .svc.secret "key" "keys") }}
{{- end }}
{{- if .svc.books }}
{{- range $name, $read := .services }}
{{- if and $read.database (eq $read.protocol "grpc") }}
{{ include "heyi.databaseEnv" (dict "root" $.root "name" $name "svc" $read "role" "ro" "env" "RO_DATABASE_URL") }}
{{- end }}
{{- end }}
{{- end }}
{{- range $env, $from := .svc.secretSettings }}
{{ include "heyi.secretEnv" (dict "env" $env "secret" $from.secret "key" $from.key) }}
{{- end }}
{{- end }}

{{/* What a service is told in the open: dict "root" "name" "svc" "targets". */}}
{{- define "heyi.serviceConfig" -}}
HEYI_INSTANCE: {{ $.root.Release.Name | quote }}
HEYI_ISSUER: {{ include "heyi.signInUrl" .root }}/realms/heyi
HEYI_AUDIENCE: heyi-services
HEYI_TARGETS: {{ join "," .targets | quote }}
HEYI_GATEWAY_PUBLIC_URL: {{ $.root.Values.publicUrl | quote }}
HEYI_LOG_LEVEL: {{ $.root.Values.settings.logLevel }}
HEYI_TRACE_RATIO: {{ $.root.Values.telemetry.traceRatio | quote }}
{{- with include "heyi.otlp" .root }}
HEYI_OTLP_ENDPOINT: {{ . }}
{{- end }}
{{- with $.root.Values.settings.auditDays }}
HEYI_AUDIT_DAYS: {{ . | quote }}
{{- end }}
{{- if eq .svc.nats "service" }}
HEYI_STREAM_REPLICAS: {{ $.root.Values.nats.replicas | quote }}
{{- end }}
{{- if ne .svc.protocol "none" }}
HEYI_{{ .svc.upper }}_LISTEN: "0.0.0.0:{{ .svc.port }}"
{{- end }}
{{- with include "heyi.probePort" . }}
HEYI_PROBE_PORT: {{ . | quote }}
{{- end }}
{{- if eq .name "gateway" }}
HEYI_GATEWAY_TRUSTED_PROXIES: {{ $.root.Values.settings.trustedProxies | quote }}
{{- else if eq .name "identity" }}
HEYI_IDENTITY_KEYCLOAK_URL: {{ include "heyi.keycloakUrl" .root }}
{{- end }}
{{- range $key, $value := .svc.settings }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- end }}
