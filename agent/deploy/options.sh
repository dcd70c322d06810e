# shellcheck shell=bash
# What is asked of install.sh: its options, and the choices of an earlier installation. Sourced by install.sh; uses ETC.

usage() {
  cat <<'TEXT'
usage: sudo ./install.sh [OPTION]...            install, or bring an installation up to date
       sudo ./install.sh start | stop | status
       sudo ./install.sh uninstall [--purge]     --purge also removes settings and all data
       sudo ./install.sh demo                    show the product; touches no installation

  --collector-only           no agent on this host
  --agent-only --collector HOST:PORT --token-file FILE
                             an agent for a collector elsewhere (make the token there: rgctl admin join-token)
  --cri-endpoint unix:///P   the container runtime's socket; default: the well-known ones
  --data-dir DIR             default /var/lib/runtimeguard
  --listen ADDRESS:PORT      where the collector serves people; default 0.0.0.0:7444
  --agent-listen ADDRESS:PORT where it serves agents; default 0.0.0.0:7443
  --host NAME                another name or address the collector is reached by; may be repeated
  --node NAME                this node's name; default: the host's
  --no-start                 install, and start nothing
TEXT
}

role=all data=/var/lib/runtimeguard listen=0.0.0.0:7444 agent_listen=0.0.0.0:7443 collector='' cri='' node=$(uname -n)
node=${node%%.*} hosts='' start=1 token_file='' purge='' created_user=''

# An earlier installation's choices are the defaults of this run.
read_settings() {
  local key value
  [[ -r $ETC/install.conf ]] || return 0
  while IFS='=' read -r key value; do
    case $key in
      role | data | listen | agent_listen | collector | cri | node | hosts | created_user) printf -v "$key" '%s' "$value" ;;
    esac
  done <"$ETC/install.conf"
}

write_settings() {
  local key
  for key in role data listen agent_listen collector cri node hosts created_user; do
    printf '%s=%s\n' "$key" "${!key}"
  done >"$ETC/install.conf"
}

# What others may give a service as an address or name: what neither a shell nor systemd reads as anything else.
readonly ADDRESS='^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}$'
readonly HOST_PORT='^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$'
readonly HOST_NAME='^[A-Za-z0-9.:_-]+$'
readonly NODE_NAME='^[A-Za-z0-9._-]{1,63}$'
readonly SOCKET='^unix:///[A-Za-z0-9._/+-]+$'

# reach ADDRESS:PORT: how this host reaches what listens there.
reach() {
  case ${1%:*} in
    0.0.0.0 | '[::]') printf 'localhost:%s\n' "${1##*:}" ;;
    *) printf '%s\n' "$1" ;;
  esac
}

usage_error() {
  printf 'error: %s\nsee: ./install.sh --help\n' "$*" >&2
  exit 2
}

parse() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --collector-only | --agent-only | --no-start | --purge) ;;
      --collector | --token-file | --cri-endpoint | --data-dir | --listen | --agent-listen | --host | --node)
        [[ $# -ge 2 && -n $2 ]] || usage_error "$1 needs a value"
        [[ $2 != *[[:space:][:cntrl:]]* ]] || usage_error "$1: '${2//[[:cntrl:]]/?}' has white space or control characters in it"
        ;;
      *) usage_error "unknown option ${1//[[:cntrl:]]/?}" ;;
    esac
    case $1 in
      --collector-only) role=collector ;;
      --agent-only) role=agent ;;
      --no-start) start='' ;;
      --purge) purge=1 ;;
      --collector) collector=$2 && shift ;;
      --token-file) token_file=$2 && shift ;;
      --cri-endpoint)
        [[ $2 =~ $SOCKET ]] || usage_error "--cri-endpoint takes unix:///PATH"
        cri=$2 && shift
        ;;
      --data-dir)
        [[ $2 =~ ^(/[A-Za-z0-9._-]+)+/?$ && $2 != */..* ]] || usage_error "--data-dir takes an absolute path of letters, digits, '.', '_' and '-'"
        ! has_systemd || [[ ! $2 =~ ^/(home|root|tmp|var/tmp|run)/ ]] ||
          usage_error "--data-dir $2 is hidden from the services; give one outside /home, /root, /run and /tmp"
        data=${2%/} && shift
        ;;
      --listen | --agent-listen)
        [[ $2 =~ $ADDRESS ]] || usage_error "$1 takes ADDRESS:PORT, e.g. 0.0.0.0:7444 or [::]:7444"
        [[ $1 == --listen ]] && listen=$2 || agent_listen=$2
        shift
        ;;
      --host)
        [[ $2 =~ $HOST_NAME ]] || usage_error "--host takes a name or an address"
        [[ " $hosts " == *" $2 "* ]] || hosts="${hosts:+$hosts }$2"
        shift
        ;;
      --node)
        [[ $2 =~ $NODE_NAME ]] || usage_error "--node takes 1 to 63 letters, digits, '.', '-' or '_'"
        node=$2 && shift
        ;;
    esac
    shift
  done
  if [[ $role == agent ]]; then
    [[ $collector =~ $HOST_PORT ]] || usage_error "--agent-only needs --collector HOST:PORT (the collector's agent port, 7443)"
    [[ -z $token_file || -r $token_file ]] || usage_error "--token-file $token_file cannot be read"
    [[ -n $token_file ]] || enrolled ||
      usage_error "--agent-only needs --token-file FILE; make one at the collector with: rgctl admin join-token"
  else
    [[ -z $token_file ]] || usage_error "--token-file is for --agent-only"
    collector=$(reach "$agent_listen")
  fi
}

wants() { [[ $role == all || $role == "$1" ]]; }
enrolled() { [[ -e $data/agent/identity/node.crt ]]; }
