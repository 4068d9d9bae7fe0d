# Reads the seed's network-config (version 2, as YAML in blocks) and writes a file per NIC, named by its MAC, of lines:
#   dhcp                     route TO VIA            dns SERVER
#   address ADDRESS/PREFIX   search DOMAIN
function bare(text) { gsub(/["']/, "", text); sub(/^ +/, "", text); sub(/ +$/, "", text); return text }
function value(line) { sub(/^[^:]*: */, "", line); return bare(line) }
function item(line) { sub(/^ *- */, "", line); return bare(line) }
function flush_nic() { if (mac != "") printf "%s", told >("/run/network/" mac); mac = told = "" }

/^  [^ ].*:$/ { flush_nic(); next }
/^    [^ -]/ { section = bare($1); sub(/:$/, "", section); list = "" }
/^ *macaddress:/ { mac = tolower(value($0)); next }
/^    dhcp4: *(true|yes)/ { told = told "dhcp\n"; next }
section == "addresses" && /^    +- / { told = told "address " item($0) "\n" }
section == "nameservers" && /^      [^ -].*:/ { list = bare($1); sub(/:$/, "", list); next }
section == "nameservers" && /^ +- / { told = told (list == "search" ? "search " : "dns ") item($0) "\n" }
section == "routes" && /to: / { line = $0; sub(/^ *- /, "", line); to = value(line) }
section == "routes" && /via: / { line = $0; sub(/^ *- /, "", line); told = told "route " to " " value(line) "\n" }
END { flush_nic() }
