# shellcheck shell=bash
# shellcheck disable=SC2154  # programs and port are set by tools/quickstart
# The servers that tools/quickstart starts: where they live, how they start and stop. To be sourced,
# after lib.sh. Reads programs and port; sets directory, server, ipc, tcp and port.
#
# A run's directory has the server's data, socket, pid and log; the first free one of
# TMPDIR/stated-quickstart-UID-1, -2 and so on.

uid=$(id -u)
readonly runs=${TMPDIR:-/tmp}/stated-quickstart-$uid
readonly start_limit_s=30 stop_limit_s=30

# Whether the process with this pid is the server that a run's directory belongs to.
is_server_of() {
    local pid=$1 run=$2
    [ -r "/proc/$pid/cmdline" ] && tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "$run/data"
}

# The pid of the server that runs in the directory; fails when there is none.
server_in() {
    local run=$1 pid
    [ -O "$run" ] && [ -r "$run/pid" ] && read -r pid <"$run/pid" &&
        is_server_of "$pid" "$run" && printf '%s\n' "$pid"
}

# The pid of the quickstart that is still at work in the directory; fails when there is none.
owner_of() {
    local run=$1 pid
    [ -r "$run/owner" ] && read -r pid <"$run/owner" && [ -r "/proc/$pid/cmdline" ] &&
        tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q 'quickstart$' && printf '%s\n' "$pid"
}

# Waits until a process that was asked to stop is gone; fails when it takes too long.
await_end() {
    timeout "$stop_limit_s" tail -f -s 0.05 --pid="$1" /dev/null
}

# Asks a server to stop and waits until it is gone; kills it when it does not go.
stop_server() {
    local pid=$1
    kill -TERM "$pid" 2>/dev/null
    if ! await_end "$pid"; then
        lib_say "the server (pid $pid) did not stop within $stop_limit_s s and was killed"
        kill -KILL "$pid" 2>/dev/null
    fi
}

# --stop
stop_all() {
    local run pid found=no
    for run in "$runs"-[0-9]*; do
        if [ ! -O "$run" ] || [ ! -d "$run" ]; then
            continue
        fi
        found=yes
        if pid=$(owner_of "$run"); then
            lib_say "left $run alone, where a quickstart is at work (pid $pid)"
            continue
        elif pid=$(server_in "$run"); then
            stop_server "$pid"
            lib_say "stopped the server with pid $pid and removed $run"
        else
            lib_say "removed $run, whose server is gone already"
        fi
        rm -rf -- "$run"
    done
    [ "$found" = yes ] || lib_say "nothing to stop"
}

# A directory that no other run has; the paths of sockets may not be long.
make_directory() {
    local number run pid
    if [ ${#runs} -gt 80 ]; then
        lib_die "TMPDIR is too long for a socket's path: $TMPDIR"
    fi
    for number in {1..99}; do
        run=$runs-$number
        if mkdir -m 700 -- "$run" 2>/dev/null; then
            directory=$run
            printf '%s\n' $$ >"$run/owner"
            return
        fi
        if pid=$(server_in "$run"); then
            note "$run is in use by the server with pid $pid; trying the next"
        elif [ -e "$run" ]; then
            note "$run exists already; trying the next"
        else
            lib_die "cannot make a directory in ${TMPDIR:-/tmp}"
        fi
    done
    lib_die "all of $runs-1 to -99 exist; tools/quickstart --stop removes them"
}

# Whether something listens on the tcp port, on any address.
port_in_use() {
    local hex
    printf -v hex '%04X' "$1"
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        grep -qE "^ *[0-9]+: [0-9A-F]+:$hex [0-9A-F]+:0000 0A "
}

choose_port() {
    local limit=$((port < 65436 ? port + 100 : 65536))
    while port_in_use "$port"; do
        note "port $port is in use; trying the next"
        port=$((port + 1))
        [ "$port" -lt "$limit" ] || lib_die "every port below $limit is in use; --port chooses where to look"
    done
}

# Waits until the server answers on an endpoint; fails when it ends before that.
await_server() {
    local endpoint=$1 deadline=$((SECONDS + start_limit_s))
    while ! "$programs/statectl" -e "$endpoint" ping >"$directory/ping.log" 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            fail "$directory/server.log" "the server does not answer on $endpoint"
        fi
        # Looks again soon, unless the server ends meanwhile.
        if timeout 0.05 tail -f -s 0.01 --pid="$server" /dev/null; then
            return 1
        fi
    done
    return 0
}

start_server() {
    local attempt
    step "Server: with an empty data directory of its own"
    make_directory
    ipc=ipc://$directory/stated.sock
    for attempt in {1..9}; do
        choose_port
        tcp=tcp://127.0.0.1:$port
        # A session of its own, so that Ctrl-C here or a closed terminal does not reach it.
        setsid "$programs/stated" --data-dir "$directory/data" --listen "$ipc" --listen "$tcp" \
            </dev/null >"$directory/server.log" 2>&1 &
        server=$!
        printf '%s\n' "$server" >"$directory/pid"
        if await_server "$ipc" && await_server "$tcp"; then
            note "pid $server, listening on $ipc and $tcp"
            return
        fi
        stop_server "$server"
        server=
        # Someone else may have taken the port since we looked, or calls from it.
        if [ "$attempt" -eq 9 ] || ! grep -q 'the address is in use' "$directory/server.log"; then
            break
        fi
        note "port $port is in use; trying the next"
        port=$((port + 1))
    done
    fail "$directory/server.log" "the server did not start"
}
