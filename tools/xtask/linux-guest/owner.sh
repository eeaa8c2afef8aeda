# The guest's side of the channel to its owner, on the second serial port.
#
# In a story it speaks the line protocol of tools/sim-guest/src/owner.rs. The hypervisor carries the bytes and may change them; neither side
# believes anything but what it can verify. Binary values are hexadecimal words, `-` when empty.

# The PCRs of a quote whose request names none.
usual_pcrs=0,1,2,3,4,5,6,7,16

# Opens the channel as descriptor 3, every byte as it is.
open_channel() {
    stty -F $channel raw -echo 115200
    exec 3<>$channel
}

send() { echo "$*" >&3; }

# send_file NAME FILE
send_file() {
    if [ -s "$2" ]; then
        { printf '%s ' "$1"; xxd -p "$2" | tr -d '\n'; echo; } >&3
    else
        send "$1 -"
    fi
}

# unhex WORD >FILE
unhex() { [ "$1" = - ] || echo "$1" | xxd -r -p; }

# A GUID as text, from its 16 bytes: the first three fields are little-endian.
guid_text() {
    echo "$1" | sed -E -e 's/^(..)(..)(..)(..)(..)(..)(..)(..)/\4\3\2\1-\6\5-\8\7-/' -e 's/^(.{23})/\1-/'
}

owner_conversation() {
    open_channel
    say 'waiting for the owner'
    send 'hello cloister-guest 1'
    while read -r verb first second third <&3; do
        [ "$verb" = done ] && break
        answer 2>/tmp/trouble || send "error $(tr '\n' ' ' </tmp/trouble | cut -c 1-300)"
        send end
    done
}

# Answers one request with lines; fails without having sent any.
answer() {
    case $verb in
        attest)
            unhex "$first" >owner.nonce
            tsm_report owner.nonce "$(guid_text "$second")" "$third" || return 1
            send_file report report
            send_file manifest manifest
            send_file certificates certificates
            ;;
        own-report)
            unhex "$first" >owner.data
            own_report owner.data || return 1
            send_file report report
            ;;
        ak)
            # A TPM2B_PUBLIC begins with its size, the owner wants what is in it.
            tail -c +3 ak.tss >ak.public || return 1
            send_file public ak.public
            ;;
        activate)
            activate "$first" "$second" "$third" >&2 || return 1
            send_file credential credential
            ;;
        quote)
            pcrs=${second:-$usual_pcrs}
            case $pcrs in *[!0-9,]*) echo "'$pcrs' are no PCRs" >&2; return 1 ;; esac
            quote "${first#-}" "$pcrs" >&2 && tpm2 pcrread "sha256:$pcrs" -o quote.values >&2 || return 1
            send_file attest quote.attest
            send_file signature quote.signature
            send_file pcrs quote.values
            ;;
        *)
            echo "'$verb' is not a request" >&2
            return 1
            ;;
    esac
}

# Opens a credential with the endorsement key at a persistent handle: activate HANDLE BLOB SECRET
activate() {
    # The file that tpm2-tools reads: magic, version, TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET.
    { unhex badcc0de00000001; unhex "$2"; unhex "$3"; } >owner.blob
    tpm2 startauthsession --policy-session -S owner.session || return 1
    tpm2 policysecret -S owner.session -c e &&
        tpm2 activatecredential -c ak.ctx -C "0x$1" -i owner.blob -o credential -P session:owner.session
    opened=$?
    tpm2 flushcontext owner.session
    return $opened
}

# Runs the one script that the owner sends, `script LENGTH MARK` and its bytes, with its output on the channel; then `MARK STATUS`.
owner_script() {
    open_channel
    send 'hello cloister-guest 1'
    read -r verb length mark <&3
    if [ "$verb" != script ]; then
        say "failed: the owner sent '$verb' instead of a script"
        return
    fi
    head -c "$length" <&3 >/tmp/script
    (
        cd /tmp || exit 1
        exec sh /tmp/script
    ) </dev/null >&3 2>&1 3>&-
    status=$?
    printf '\n%s %d\n' "$mark" $status >&3
    say "the owner's script ended with status $status"
    say 'done'
}

# An interactive shell: `shell ROWS COLUMNS TERM`.
owner_shell() {
    open_channel
    send 'hello cloister-guest 1'
    read -r verb rows columns terminal <&3
    if [ "$verb" != shell ]; then
        say "failed: the owner sent '$verb' instead of opening a shell"
        return
    fi
    exec 3>&-
    export TERM="$terminal"
    # The first terminal that a session opens is the one that its job control belongs to.
    setsid sh -c 'exec <>"$1" >&0 2>&1; stty sane rows "$2" cols "$3"; cd /; exec sh -i' sh $channel "$rows" "$columns"
    say "the owner's shell ended with status $?"
    say 'done'
}
