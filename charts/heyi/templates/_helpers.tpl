{{/* Names and labels. Context of those about one part: dict "root" $ "name" …. */}}
{{- define "heyi.full" -}}{{ printf "%s-%s" (.root.Release.Name | trunc 40 | trimSuffix "-") .name | trunc 63 | trimSuffix "-" }}{{- end }}

{{- define "heyi.match" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* No version: a pod that stays as it is is not made anew for one. */}}
{{- define "heyi.podLabels" -}}
{{ include "heyi.match" . }}
app.kubernetes.io/component: {{ .component | default "server" }}
app.kubernetes.io/part-of: heyi
{{- end }}

{{- define "heyi.labels" -}}
{{ include "heyi.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* The entries of `services`, each laid over `serviceDefaults`; an inner map's keys one by one. */}}
{{- define "heyi.services" -}}
{{- $all := dict }}
{{- range $name, $own := .Values.services }}
{{- $one := deepCopy $.Values.serviceDefaults }}
{{- range $key, $value := $own | default dict }}
{{- if and (kindIs "map" $value) (has $key (list "image" "hpa" "resources" "settings" "secretSettings" "podAnnotations")) }}
{{- range $inner, $said := $value }}{{ $_ := set (index $one $key) $inner $said }}{{ end }}
{{- else }}{{ $_ := set $one $key $value }}{{ end }}
{{- end }}
{{- $_ := set $one "secret" ($one.secret | default (include "heyi.full" (dict "root" $ "name" $name))) }}
{{- if not $one.command }}{{ $_ := set $one "command" (list "python" "-m" "chassis" $name) }}{{ end }}
{{- $_ := set $one "upper" (upper $name) }}
{{- $_ := set $all $name $one }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{/* Where a service is asked by HTTP whether it lives, beside its calls; what has no calls has no other way. */}}
{{- define "heyi.probePort" -}}
{{- with .root.Values.settings.probePort | default (ternary 8086 0 (eq .svc.protocol "none")) }}{{ . }}{{ end }}
{{- end }}

{{/* An image by registry, repository, tag and digest; `images.registry` goes before its own. */}}
{{- define "heyi.image" -}}
{{- $registry := .root.Values.images.registry | default .image.registry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag }}{{ end }}
{{- end }}

{{/* The image of a service: dict "root" "name" "svc". */}}
{{- define "heyi.serviceImage" -}}
{{- $ours := .root.Values.images.heyi -}}
{{- $repository := printf "%s%s" $ours.prefix (.svc.image.name | default .name) -}}
{{- $tag := .svc.image.tag | default $ours.tag | default .root.Chart.AppVersion -}}
{{- include "heyi.image" (dict "root" .root "image" (dict "registry" $ours.registry "repository" $repository "tag" $tag "digest" .svc.image.digest)) }}
{{- end }}

{{- define "heyi.podSecurity" -}}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- with .priority | default .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A service's own container may say `writable`; no other is asked. */}}
{{- define "heyi.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: {{ not .writable }}
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Pods of one part apart from each other; those of an older release do not count. */}}
{{- define "heyi.spread" -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: {{ $.root.Values.topologySpread }}
  labelSelector:
    matchLabels: {{- include "heyi.match" $ | nindent 6 }}
      app.kubernetes.io/component: server
  {{- if $.hashed }}
  matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}

{{- define "heyi.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "heyi.full" . }}
  labels: {{- include "heyi.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "heyi.match" . | nindent 6 }}
      app.kubernetes.io/component: server
{{- end }}

{{- define "heyi.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "heyi.full" . }}
  labels: {{- include "heyi.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "heyi.claim" -}}
accessModes: [{{ .accessMode | default "ReadWriteOnce" }}]
{{- with .storageClass }}
storageClassName: {{ . }}
{{- end }}
resources: {requests: {storage: {{ .size }}}}
{{- end }}

{{/* One environment variable from a Secret: dict "env" "secret" "key". */}}
{{- define "heyi.secretEnv" -}}
- name: {{ .env }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end }}

{{/* Whether the database comes up with the release: then the first migration cannot come before it. */}}
{{- define "heyi.together" -}}{{ if or (ne .Values.postgresql.mode "external") .Values.nats.enabled }}yes{{ end }}{{- end }}

{{/* Databases. Context: dict "root" $ "name" of the database. */}}
{{- define "heyi.cluster" -}}
{{ include "heyi.full" (dict "root" .root "name" (ternary (printf "pg-%s" .name) "pg" .root.Values.postgresql.cnpg.perService)) }}
{{- end }}

{{- define "heyi.databaseHost" -}}
{{- $pg := .root.Values.postgresql -}}
{{- if eq $pg.mode "external" }}{{ index $pg.hosts .name | default $pg.host }}
{{- else if eq $pg.mode "cnpg" }}{{ include "heyi.cluster" . | trim }}-rw
{{- else }}{{ include "heyi.full" (dict "root" .root "name" "postgresql") }}{{ end }}
{{- end }}

{{- define "heyi.databasePort" -}}{{ ternary .root.Values.postgresql.port 5432 (eq .root.Values.postgresql.mode "external") }}{{- end }}

{{/* The Secret with the authority of an external server's certificate, where it is verified. */}}
{{- define "heyi.caSecret" -}}
{{- $pg := .Values.postgresql -}}
{{- if and (eq $pg.mode "external") (hasPrefix "verify" $pg.sslMode) -}}
{{- if not $pg.caSecret }}{{ fail (printf "postgresql.sslMode %s needs postgresql.caSecret: a Secret whose ca.crt is the authority of the server's certificate" $pg.sslMode) }}{{ end }}
{{- $pg.caSecret }}
{{- end }}
{{- end }}

{{/* host:port/name?sslmode=…, for libpq and JDBC alike. */}}
{{- define "heyi.databaseAt" -}}
{{- $pg := .root.Values.postgresql -}}
{{- $mode := ternary $pg.sslMode (ternary "require" "disable" (eq $pg.mode "cnpg")) (eq $pg.mode "external") -}}
{{ include "heyi.databaseHost" . }}:{{ include "heyi.databasePort" . }}/{{ .name }}?sslmode={{ $mode }}
{{- if include "heyi.caSecret" .root }}&sslrootcert=/etc/heyi/postgresql/ca.crt{{ end }}
{{- end }}

{{/* A database's address in the environment, its password from the Secret: dict "root" "name" "svc" "role" "env". */}}
{{- define "heyi.databaseEnv" -}}
{{- $password := printf "%s_%s_PASSWORD" .svc.upper (upper .role) -}}
{{ include "heyi.secretEnv" (dict "env" $password "secret" .svc.secret "key" (printf "%s-password" .role)) }}
- name: HEYI_{{ .svc.upper }}_{{ .env }}
  value: postgresql://{{ .name }}_{{ .role }}:$({{ $password }})@{{ include "heyi.databaseAt" . }}
{{- end }}

{{- define "heyi.natsEnv" -}}
{{ include "heyi.secretEnv" (dict "env" (printf "%s_NATS_PASSWORD" .svc.upper) "secret" .svc.secret "key" "nats-password") }}
- name: HEYI_{{ .svc.upper }}_NATS_URL
  value: nats://{{ .name }}:$({{ .svc.upper }}_NATS_PASSWORD)@{{ include "heyi.natsAt" .root }}
{{- end }}

{{- define "heyi.natsAt" -}}
{{ .Values.nats.enabled | ternary (printf "%s:4222" (include "heyi.full" (dict "root" . "name" "nats"))) .Values.nats.url }}
{{- end }}

{{- define "heyi.keycloakSecret" -}}{{ .Values.keycloak.secret | default (include "heyi.full" (dict "root" . "name" "keycloak")) }}{{- end }}

{{/* The sign-in server's one address, for browsers and pods; where none is given, its Service's full name. */}}
{{- define "heyi.signInUrl" -}}
{{ .Values.keycloak.publicUrl | default (printf "http://%s.%s.svc:8081" (include "heyi.full" (dict "root" . "name" "keycloak")) .Release.Namespace) }}
{{- end }}

{{- define "heyi.keycloakUrl" -}}
{{- $own := printf "http://%s:8081" (include "heyi.full" (dict "root" . "name" "keycloak")) -}}
{{ .Values.keycloak.internalUrl | default (ternary $own .Values.keycloak.publicUrl .Values.keycloak.enabled) }}
{{- end }}

{{- define "heyi.otlp" -}}
{{- if .Values.telemetry.endpoint }}{{ .Values.telemetry.endpoint }}
{{- else if .Values.telemetry.collector.enabled }}http://{{ include "heyi.full" (dict "root" . "name" "collector") }}:4317{{ end }}
{{- end }}

{{/* Refuses an API that the cluster does not have: dict "root" "api" "for". */}}
{{- define "heyi.needs" -}}
{{- if not (.root.Capabilities.APIVersions.Has .api) }}{{ fail (printf "%s needs the API %s, which this cluster does not have (helm template: --api-versions %s)" .for .api .api) }}{{ end }}
{{- end }}

{{/* All replicas at their most, one more of each while it is rolled over, must fit the server; by host. Each has a pool of 12
     and one that asks whether the database answers; a migration and the reconciler have one for each database. */}}
{{- define "heyi.connections" -}}
{{- $pg := .Values.postgresql }}
{{- $sums := dict }}
{{- range $name, $svc := include "heyi.services" . | fromYaml }}
{{- if $svc.database }}
{{- $host := include "heyi.databaseHost" (dict "root" $ "name" $name) }}
{{- $replicas := ternary $svc.hpa.max $svc.replicas $svc.hpa.enabled | int }}
{{- $_ := set $sums $host (add (index $sums $host | default 0) (mul 13 (add 1 $replicas)) 2) }}
{{- end }}
{{- end }}
{{- if .Values.keycloak.enabled }}
{{- $host := include "heyi.databaseHost" (dict "root" $ "name" "keycloak") }}
{{- $_ := set $sums $host (add (index $sums $host | default 0) (mul .Values.keycloak.databasePool .Values.keycloak.replicas)) }}
{{- end }}
{{- range $host, $sum := $sums }}
{{- if gt (mul 10 $sum) (mul 8 $pg.maxConnections) }}
{{- fail (printf "%s: pools could take %d connections, and 80 %% of postgresql.maxConnections (%d) is less: fewer replicas, a larger server, or another one for some services (postgresql.hosts)" $host $sum (int $pg.maxConnections)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Backups: the volume that they are on, the one that a release comes back from, the Secret that seals them. */}}
{{- define "heyi.backupClaim" -}}{{ .Values.backup.storage.existingClaim | default (include "heyi.full" (dict "root" . "name" "backup")) }}{{- end }}
{{- define "heyi.backupKey" -}}{{ .Values.backup.keySecret | default (include "heyi.full" (dict "root" . "name" "backup")) }}{{- end }}
{{- define "heyi.documentsClaim" -}}{{ .Values.storage.documents.existingClaim | default (include "heyi.full" (dict "root" . "name" "documents")) }}{{- end }}

{{/* The image that holds infra/: the reconciler's, where there is one. */}}
{{- define "heyi.toolImage" -}}
{{- include "heyi.serviceImage" (dict "root" . "name" "all" "svc" (dig "reconciler" (dict "image" dict) (include "heyi.services" . | fromYaml))) }}
{{- end }}

{{/* Where a restore reads: both may be one volume, and no pod may have one twice. */}}
{{- define "heyi.restoreVolume" -}}
{{ and .Values.backup.enabled (eq .Values.postgresql.mode "bundled") (eq .Values.backup.restore.claim (include "heyi.backupClaim" .)) | ternary "backup" "before" }}
{{- end }}
{{- define "heyi.restoreEnv" -}}
- {name: FROM, value: /var/lib/heyi/before{{ with .Values.backup.restore.name }}/{{ . }}{{ end }}}
- {name: AT, value: {{ .Values.backup.restore.at | quote }}}
- {name: BACKUP_KEY, value: /etc/heyi/backup/key}
{{- end }}
