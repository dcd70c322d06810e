#!/bin/bash
# Installs RuntimeGuard on this host, or shows what it does: sudo ./install.sh --help
set -euo pipefail

SOURCE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$SOURCE"
# shellcheck source=agent/deploy/host.sh
. agent/deploy/host.sh
# shellcheck source=agent/deploy/services.sh
. agent/deploy/services.sh
# shellcheck source=agent/deploy/options.sh
. agent/deploy/options.sh

readonly OPT=/opt/runtimeguard ETC=/etc/runtimeguard LOGS=/var/log/runtimeguard RUN=/run/runtimeguard
readonly LINK=/usr/local/bin/rgctl UNITS=/etc/systemd/system

# --- steps -------------------------------------------------------------------------------------------------------

step=0 steps=7
step() { say "[$((++step))/$steps] $*"; }

check_host() {
  step "checking this host"
  require_root "./install.sh"
  ! wants agent || require_kernel
  require_dotnet
  # The collector runs as its own user, who must be able to use this .NET too.
  if wants collector && ! (cd / && setpriv --reuid nobody --clear-groups "$DOTNET" --list-runtimes >/dev/null 2>&1); then
    die "the .NET SDK in ${DOTNET%/*} is not readable by other users; install it under /usr/share/dotnet and run this again"
  fi
  local port
  if wants collector && ! service_running collector; then
    for port in "${listen##*:}" "${agent_listen##*:}"; do
      ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null ||
        die "port $port is in use; stop what uses it, or give another with --listen or --agent-listen"
    done
  fi
}

install_packages() {
  step "packages"
  local wanted=(ca-certificates)
  ! wants agent || wanted+=("${BUILD_PACKAGES[@]}")
  ! wants collector || wanted+=(curl)
  require_packages "${wanted[@]}"
}

# publish PROJECT FOLDER: into the stage; the whole output only when it fails.
publish() {
  say "      $2"
  as_builder "$DOTNET" publish "$1" -c Release -o "$stage/$2" -v q -nologo --disable-build-servers \
    </dev/null >"$stage.log" 2>&1 ||
    { tail -n 40 "$stage.log" >&2; die "building $2 failed; the lines above say why"; }
}

build() {
  step "building (a few minutes the first time)"
  stage=$(mktemp -d /tmp/runtimeguard-build.XXXXXX)
  chown --reference=. "$stage"
  trap 'rm -rf "$stage" "$stage.log"' EXIT
  ! wants agent || publish agent agent
  ! wants collector || publish collector collector
  ! wants collector || publish collector/Cli rgctl
}

install_files() {
  step "installing under $OPT, $ETC, $data"
  local name
  for name in $(installed_services | tac); do stop_service "$name"; done
  for name in "${SERVICES[@]}"; do wants "$name" || forget_service "$name"; done
  install -d -m 0755 "$OPT" "$ETC"
  # One that is there stays as it is: it may be somebody's, and private.
  [[ -d $data ]] || install -d -m 0755 "$data"
  for name in agent collector rgctl; do
    rm -rf "${OPT:?}/$name"
    [[ ! -d $stage/$name ]] || { cp -r "$stage/$name" "$OPT/$name" && chown -R root:root "$OPT/$name" && chmod -R go=rX "$OPT/$name"; }
  done
  install -m 0755 agent/deploy/supervise "$OPT/supervise"
  install -m 0644 README.md LICENSE "$OPT/"
  ! wants collector || install_collector
  ! wants agent || install_agent
  write_settings
  ! has_systemd || systemctl daemon-reload
}

install_unit() {
  ! has_systemd || sed "s|@DATA@|$data|g" "$1" >"$UNITS/$(basename "$1")"
}

install_collector() {
  if ! getent passwd runtimeguard >/dev/null; then
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin runtimeguard
    created_user=1
  fi
  install -d -m 0700 -o runtimeguard -g runtimeguard "$data/collector"
  (cd / && setpriv --reuid runtimeguard --regid runtimeguard --clear-groups test -w "$data/collector") ||
    die "the user runtimeguard cannot reach $data/collector; let others enter the folders above it (chmod o+x), or give another --data-dir"
  printf 'DOTNET_ROOT=%s\nRUNTIMEGUARD_COLLECTOR_ARGS="--data-dir %s --listen %s --agent-listen %s"\n' \
    "$DOTNET_ROOT" "$data/collector" "$listen" "$agent_listen" >"$ETC/collector.env"
  install_unit collector/deploy/runtimeguard-collector.service
  printf '#!/bin/sh\nexport DOTNET_ROOT=%s\nexec %s/rgctl/rgctl "$@"\n' "$DOTNET_ROOT" "$OPT" >"$LINK"
  chmod 0755 "$LINK"
}

install_agent() {
  install -d -m 0700 "$data/agent"
  # A token file that is not there is no token: an enrolled node needs none.
  local line="--data-dir $data/agent --collector $collector --node $node --token-file $ETC/join-token"
  [[ -z $cri ]] || line+=" --cri-endpoint $cri"
  [[ ! -e $ETC/agent.json ]] || line+=" --config $ETC/agent.json"
  if [[ -n $token_file ]]; then install -m 0600 "$token_file" "$ETC/join-token"; fi
  printf 'RUNTIMEGUARD_AGENT_ARGS="%s"\n' "$line" >"$ETC/agent.env"
  install_unit agent/deploy/runtimeguard-agent.service
}

as_collector() {
  (cd / && setpriv --reuid runtimeguard --regid runtimeguard --clear-groups env HOME=/nonexistent \
    DOTNET_ROOT="$DOTNET_ROOT" "$OPT/collector/runtimeguard-collector" "$@")
}

# The CA, the collector's certificate with every name it may be reached by, the admin, and a token for our own agent.
initialise() {
  step "certificates and credentials"
  password=''
  wants collector || return 0
  local names=() name output token
  for name in "$(uname -n)" "$(hostname -f 2>/dev/null || true)" $(hostname -I 2>/dev/null || true) "$(reach "$listen")" \
    "$(reach "$agent_listen")" $hosts; do
    # What `reach` prints has a port, and brackets around an address of IPv6.
    [[ $name != *[\].]*:* && $name != localhost:* ]] || name=${name%:*}
    name=${name#[} name=${name%]}
    [[ -z $name ]] || names+=(--host "$name")
  done
  output=$(as_collector init --data-dir "$data/collector" "${names[@]}") || die "the collector could not make its certificates"
  password=$(sed -n 's/^admin password (shown once): //p' <<<"$output")
  # Now, whatever happens after this: nobody can show it again.
  [[ -z $password ]] || say "      admin password, shown this once: $password"
  install -m 0644 "$data/collector/ca.crt" "$ETC/ca.crt"
  # For an agent that is new, was revoked, or has another name now; any other leaves it unused, and it expires.
  if wants agent; then
    token=$(as_collector token create --data-dir "$data/collector" --node "$node") || die "the collector could not make a join token"
    (umask 077 && printf '%s\n' "$token" >"$ETC/join-token")
  fi
}

wait_for() { # wait_for NAME SECONDS
  local deadline=$((SECONDS + $2))
  until healthy "$1"; do
    if [[ $SECONDS -ge $deadline ]]; then
      service_log "$1" 15 >&2
      die "the $1 is not healthy after $2 s; its last log lines are above"
    fi
    sleep 0.5
  done
  say "      $1 is healthy"
}

start_all() {
  step "starting"
  if [[ -z $start ]]; then
    say "      not started (--no-start); start with: sudo ./install.sh start"
    return
  fi
  local name
  for name in $(installed_services); do
    start_service "$name"
    wait_for "$name" 60
  done
  # The token was for one enrolment; it is spent, or was not needed.
  ! enrolled || rm -f "$ETC/join-token"
}

login() {
  step "logging ${SUDO_USER:-root} in"
  if ! wants collector || [[ -z $start ]]; then
    say "      not here"
  elif [[ -n $password ]]; then
    as_person rgctl login --server "$(reach "$listen")" --ca "$ETC/ca.crt" --user admin --password-stdin <<<"$password" 2>&1 |
      sed 's/^/      /' || say "      log in with: rgctl login --server $(reach "$listen") --ca $ETC/ca.crt --user admin"
  else
    as_person rgctl whoami 2>&1 | sed 's/^/      /' || say "      log in with: rgctl login"
  fi
}

# As the person at the keyboard, who is seldom root.
as_person() {
  local person=${SUDO_USER:-root}
  (cd / && runuser -u "$person" -- env HOME="$(getent passwd "$person" | cut -d: -f6)" "$@")
}

finish() {
  say ""
  say "RuntimeGuard is installed."
  [[ -z $password ]] || say "  the admin password is above; it is shown only that once"
  if wants collector && [[ -n $start ]]; then
    say "  watch alerts:          rgctl alerts watch"
    say "  what is being learned: rgctl workloads list"
    say "  who watches:           rgctl nodes list"
    say "  add a node:            rgctl admin join-token --node NAME, then there:"
    say "                         sudo ./install.sh --agent-only --collector $(uname -n):${agent_listen##*:} --token-file FILE"
    say "  log in elsewhere:      rgctl login --server $(uname -n):${listen##*:} --ca ca.crt   (a copy of $ETC/ca.crt)"
  fi
  say "  state of the services: sudo ./install.sh status"
}

# --- other commands ----------------------------------------------------------------------------------------------

status() {
  local name all_well=0
  [[ -n $(installed_services) ]] || die "RuntimeGuard is not installed; run: sudo ./install.sh"
  for name in $(installed_services); do
    if ! service_running "$name"; then
      say "$name: stopped"
      all_well=3
    elif healthy "$name"; then
      say "$name: healthy"
    else
      say "$name: running, not healthy; its last lines:"
      service_log "$name" 5
      all_well=3
    fi
  done
  return "$all_well"
}

uninstall() {
  local name
  for name in agent collector; do forget_service "$name"; done
  ! has_systemd || systemctl daemon-reload
  rm -rf "$OPT" "$RUN"
  if [[ -f $LINK ]] && grep -q "$OPT/rgctl" "$LINK"; then rm -f "$LINK"; fi
  if [[ -z $purge ]]; then
    say "RuntimeGuard is removed; $ETC, $data and $LOGS are kept (remove them with: sudo ./install.sh uninstall --purge)"
    return
  fi
  rm -rf "$data/agent" "$data/collector" "$ETC" "$LOGS"
  rmdir --ignore-fail-on-non-empty "$data" 2>/dev/null || true
  for name in root "${SUDO_USER:-root}"; do
    forget_login "$(getent passwd "$name" | cut -d: -f6)/.config/runtimeguard"
  done
  if [[ -n $created_user ]] && getent passwd runtimeguard >/dev/null; then userdel runtimeguard; fi
  say "RuntimeGuard is removed with its settings, data and logs; packages of the distribution stay"
}

# Only a login to this host: one to another collector is not ours to take away.
forget_login() {
  if [[ -f $1/rgctl.json ]] && grep -qF "\"server\": \"$(reach "$listen")\"" "$1/rgctl.json"; then
    rm -f "$1/rgctl.json"
    rmdir --ignore-fail-on-non-empty "$1"
  fi
}

start_installed() {
  local name
  [[ -n $(installed_services) ]] || die "RuntimeGuard is not installed; run: sudo ./install.sh"
  has_systemd || require_dotnet
  for name in $(installed_services); do
    start_service "$name"
    wait_for "$name" 60
  done
  ! enrolled || rm -f "$ETC/join-token"
}

stop_installed() {
  local name
  for name in $(installed_services | tac); do
    stop_service "$name"
    say "$name: stopped"
  done
}

main() {
  local action=install
  case ${1-} in
    -h | --help) usage; exit 0 ;;
    start | stop | status | uninstall | demo) action=$1 && shift ;;
  esac
  read_settings
  if [[ $action == demo ]]; then
    [[ $# -eq 0 ]] || usage_error "demo takes no options"
    exec agent/deploy/demo
  fi
  if [[ $action != install ]]; then
    [[ $# -eq 0 || ($action == uninstall && $* == --purge) ]] || usage_error "$action does not take: $*"
    require_root "./install.sh $action"
    purge=${1-}
    case $action in
      start) start_installed ;;
      stop) stop_installed ;;
      status) status ;;
      uninstall) uninstall ;;
    esac
    return
  fi
  parse "$@"
  [[ -z $purge ]] || usage_error "--purge is for uninstall"
  check_host
  install_packages
  build
  install_files
  initialise
  start_all
  login
  finish
}

main "$@"
