# shellcheck shell=bash
# This machine's package database as records, and records as JSON lines and back. To be sourced.
#
# A record is a key, a unit separator, the value, and a record separator: two bytes that no package
# has anywhere, so that values may have several lines, quotes and whatever else.

readonly unit=$'\x1f' record=$'\x1e'
readonly fields=(version architecture installed-size section maintainer summary)
readonly dpkg_fields=(Version Architecture Installed-Size Section Maintainer binary:Summary)

# One record per package and field, straight from dpkg: key, unit separator, value, record
# separator. A package of several architectures has its architecture in the name: pkg/libc6:i386/…
package_records() {
    local i format=
    for i in "${!fields[@]}"; do
        # shellcheck disable=SC2016  # ${…} is dpkg-query's
        format+='pkg/${binary:Package}/'${fields[i]}$unit'${'${dpkg_fields[i]}'}'$record
    done
    dpkg-query -W -f "$format"
}

# Sets json to a text as a JSON string.
to_json() {
    local text=$1 code character
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    if [[ $text == *[[:cntrl:]]* ]]; then
        for code in {1..31}; do
            printf -v character '%b' "\\0$((code / 8))$((code % 8))"
            printf -v code '\\u%04x' "$code"
            text=${text//"$character"/"$code"}
        done
    fi
    json='"'$text'"'
}

# Sets member to one of an import line: "NAME":TEXT, or in base64 what is no UTF-8.
to_member() {
    local name=$1 bytes=$2
    if [[ $bytes != *[!$'\x01'-$'\x7f']* ]] || iconv -f UTF-8 -t UTF-8 <<<"$bytes" &>/dev/null; then
        to_json "$bytes"
        member='"'$name'":'$json
    else
        member='"'$name'_base64":"'$(printf '%s' "$bytes" | base64 -w 0)'"'
    fi
}

# Records as the JSON lines that `statectl import` takes.
records_to_json() {
    local key value json member line
    while IFS=$unit read -r -d "$record" key value; do
        to_member key "$key"
        line=$member
        to_member value "$value"
        printf '{%s,%s}\n' "$line" "$member"
    done
}

# The JSON lines of `statectl export` as records. Written apart from records_to_json, so that a
# mistake there shows here.
json_to_records() {
    LC_ALL=C awk '
    function utf8(code) {
        if (code < 128) return sprintf("%c", code)
        if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
        return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
    }
    function hex(digits,    i, code) {
        code = 0
        for (i = 1; i <= 4; i++)
            code = code * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
        return code
    }
    function base64(text,    i, bits, n, bytes) {
        for (i = 1; substr(text, i, 1) ~ /[^=]/; i++) {
            bits = bits * 64 + index(alphabet, substr(text, i, 1)) - 1
            n += 6
            if (n >= 8) {
                n -= 8
                bytes = bytes sprintf("%c", int(bits / 2 ^ n))
                bits %= 2 ^ n
            }
        }
        return bytes
    }
    # Takes the member with this name off the front of the line: as text, or in base64.
    function member(name) {
        if (match(line, "^[{,] *\"" name "\": *\"")) return string()
        if (match(line, "^[{,] *\"" name "_base64\": *\"")) return base64(string())
        return "(no " name ")"
    }
    # Takes the string behind the match off the front of the line.
    function string(    text, at, escape) {
        line = substr(line, RLENGTH + 1)
        text = ""
        while (match(line, /["\\]/) > 0 && substr(line, RSTART, 1) == "\\") {
            text = text substr(line, 1, RSTART - 1)
            escape = substr(line, RSTART + 1, 1)
            line = substr(line, RSTART + 2)
            if (escape == "u") {
                text = text utf8(hex(line))
                line = substr(line, 5)
            } else {
                at = index("nrtbf", escape)
                text = text (at ? substr("\n\r\t\b\f", at, 1) : escape)
            }
        }
        text = text substr(line, 1, RSTART - 1)
        line = substr(line, RSTART + 1)
        return text
    }
    BEGIN {
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    }
    { line = $0; key = member("key"); printf "%s\037%s\036", key, member("value") }
    '
}

# The value of a key in a file of records that end with NUL, or that there is none.
value_in() {
    local file=$1 key=$2 line
    while IFS= read -r -d '' line; do
        case $line in
        "$key$unit"*)
            printf '%s' "${line#*"$unit"}"
            return
            ;;
        esac
    done <"$file"
    printf '(no such key)'
}
