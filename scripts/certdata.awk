# Turns Mozilla's certdata.txt into PEM: the certificates that it trusts to vouch for servers, in its order.
# awk -f scripts/certdata.awk certdata.txt
BEGIN {
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
}

# the value of one octal escape, "\ooo"
function octal(digits) { return substr(digits, 1, 1) * 64 + substr(digits, 2, 1) * 8 + substr(digits, 3, 1) }

# prints one certificate, given as octal escapes
function pem(text, bytes, n, i, word, line) {
	n = split(substr(text, 2), bytes, "\\")
	print "-----BEGIN CERTIFICATE-----"
	for (i = 1; i <= n; i += 3) {
		word = octal(bytes[i]) * 65536 + (i < n ? octal(bytes[i + 1]) * 256 : 0) + (i + 1 < n ? octal(bytes[i + 2]) : 0)
		line = line substr(alphabet, int(word / 262144) + 1, 1) substr(alphabet, int(word / 4096) % 64 + 1, 1) \
			(i < n ? substr(alphabet, int(word / 64) % 64 + 1, 1) : "=") \
			(i + 1 < n ? substr(alphabet, word % 64 + 1, 1) : "=")
		if (length(line) == 64 || i + 3 > n) {
			print line
			line = ""
		}
	}
	print "-----END CERTIFICATE-----"
}

$1 == "CKA_CLASS" { class = $3; issuer = serial = value = "" }
$2 == "MULTILINE_OCTAL" {
	what = $1
	text = ""
	while ((getline row) > 0 && row != "END")
		text = text row
	if (what == "CKA_ISSUER") issuer = text
	if (what == "CKA_SERIAL_NUMBER") serial = text
	if (what == "CKA_VALUE" && class == "CKO_CERTIFICATE") {
		key[++count] = issuer SUBSEP serial
		value_of[count] = text
	}
}
$1 == "CKA_TRUST_SERVER_AUTH" && class == "CKO_NSS_TRUST" && $3 == "CKT_NSS_TRUSTED_DELEGATOR" { trusted[issuer, serial] = 1 }

END {
	for (i = 1; i <= count; i++)
		if (key[i] in trusted)
			pem(value_of[i])
}
