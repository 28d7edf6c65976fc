/* One block of text per client. Each fetches the CA in plain text and compares the fingerprint before it is believed.
 */
#include <cove/trust/howto.h>

static const struct {
	const char *client;
	const char *directory; /* the per-registry folder that the client reads at each pull; no restart */
} clients[] = {
    {"Docker", "/etc/docker/certs.d"},
    {"podman, skopeo, buildah, CRI-O", "/etc/containers/certs.d"},
    {"containerd, nerdctl (config_path = /etc/containerd/certs.d)", "/etc/containerd/certs.d"},
};

/* Port 443 is left out of names; a URL of plain HTTP would then mean port 80. */
static const char *port_of(struct str host)
{
	struct str name, port = host;

	if (str_starts(host, STR("[")))
		str_cut(host, ']', &name, &port);
	return str_has(port, ':') ? "" : ":443";
}

void howto_trust(struct buf *out, struct str host, struct str fingerprint)
{
	if (fingerprint.n) {
		buf_addf(out,
		    "Make a client trust this registry (once per machine; no restart, no insecure-registries):\n\n"
		    "  curl -fsSo cove-ca.crt http://%.*s%s/ca.crt\n"
		    "  openssl x509 -in cove-ca.crt -noout -fingerprint -sha256\n"
		    "     # must print %.*s\n",
		    STR_ARG(host), port_of(host), STR_ARG(fingerprint));
		for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++)
			buf_addf(out, "\n  # %s\n  sudo install -D -m 644 cove-ca.crt %s/%.*s/ca.crt\n",
			    clients[i].client, clients[i].directory, STR_ARG(host));
		buf_addf(out, "\n  # everything else on Debian, Ubuntu, Raspberry Pi OS (crane, oras, helm, curl; then "
			      "restart daemons)\n"
			      "  sudo install -m 644 cove-ca.crt /usr/local/share/ca-certificates/cove-ca.crt\n"
			      "  sudo update-ca-certificates\n");
	}
	buf_addf(out,
	    "\nThen:\n\n"
	    "  docker login %.*s\n"
	    "  docker pull nginx\n"
	    "  docker tag nginx %.*s/nginx:1\n"
	    "  docker push %.*s/nginx:1\n",
	    STR_ARG(host), STR_ARG(host), STR_ARG(host));
}
