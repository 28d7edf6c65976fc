"""
"Referrers Tag Schema": clients that do not know the referrers API look for the list under a tag, and keep it there
themselves. Both kinds of client see the same, whoever pushed or deleted.
"""
import json
from cove import OCI_IMAGE, OCI_INDEX, Case, descriptor, image, sha256, sha512


class ReferrersTag(Case):
    def setUp(self):
        self.name = "tagged/" + self._testMethodName.replace("_", "-")
        self.c = self.cove.client(f"repository:{self.name}:pull,push,delete")
        self.digest, self.data = self.c.push_image(self.name, "app")
        self.tag = self.digest.replace(":", "-")

    def manifests(self, reference, method="GET"):
        return self.c.request(method, f"/v2/{self.name}/manifests/{reference}")

    def attach(self, kind):
        """As a client that knows the API: no tag. Returns the descriptor, as the API gives it."""
        m = image([sha256(b"layer")], [5], subject=descriptor(OCI_IMAGE, self.digest, len(self.data)), artifactType=kind,
                  annotations={"kind": kind})
        r, data = self.c.push_manifest(self.name, sha256(_bytes(m)), _bytes(m), OCI_IMAGE)
        self.assertEqual((r.status, r["OCI-Subject"]), (201, self.digest))
        return descriptor(OCI_IMAGE, sha256(data), len(data), artifactType=kind, annotations={"kind": kind})

    def put_list(self, descriptors):
        """As a client that does not."""
        r, data = self.c.push_manifest(self.name, self.tag, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors})
        return r.status, data

    def assert_list(self, descriptors, stored=None):
        r = self.manifests(self.tag)
        self.assertEqual((r.status, r["Content-Type"]), (200, OCI_INDEX))
        self.assertEqual(r.json()["manifests"], descriptors)
        self.assertEqual(r["Docker-Content-Digest"], sha256(r.body))
        head = self.manifests(self.tag, "HEAD")
        self.assertEqual((head["Docker-Content-Digest"], head["Content-Length"]), (sha256(r.body), str(len(r.body))))
        if stored is not None:
            self.assertEqual(r.body, stored)
        api = self.c.request("GET", f"/v2/{self.name}/referrers/{self.digest}").json()["manifests"]
        self.assertEqual({d["digest"] for d in api}, {d["digest"] for d in descriptors})

    def test_old_clients_see_what_new_ones_push(self):
        self.assertEqual(self.manifests(self.tag).status, 404)
        one = self.attach("application/one")
        two = self.attach("application/two")
        self.assert_list([one, two])
        tags = self.c.request("GET", f"/v2/{self.name}/tags/list").json()["tags"]
        self.assertEqual(tags, ["app"])  # none that nobody pushed

    def test_both_kinds_take_turns(self):
        one, two = self.attach("application/one"), self.attach("application/two")
        status, stored = self.put_list([two, one])
        self.assertEqual(status, 201)
        self.assert_list([two, one], stored)  # in step: exactly what was pushed
        three = self.attach("application/three")
        self.assert_list([one, two, three])
        self.assertEqual(self.manifests(three["digest"], "DELETE").status, 202)
        self.assert_list([two, one], stored)
        self.assertEqual(self.manifests(one["digest"], "DELETE").status, 202)
        self.assert_list([two])  # what was read can be pushed again with one more
        four = self.attach("application/four")
        self.assertEqual(self.put_list([two, four])[0], 201)
        for d in (two, four):
            self.manifests(d["digest"], "DELETE")
        self.assert_list([])
        self.assertEqual(self.manifests(self.tag, "DELETE").status, 202)
        self.assertEqual(self.manifests(self.tag).status, 404)

    def test_subject_with_a_long_digest(self):
        """"<alg>-<ref>", of which <ref> is cut to 64 characters: the list is found by what is left of the digest."""
        others = [sha512(b"other"), "sha512:" + self.digest[7:] + "0" * 64, "sha512:" + self.digest[7:-1] + "ff" + "f" * 63]
        self.attach("application/short")
        for self.digest in [sha512(self.data), *others]:
            self.tag = self.digest.replace(":", "-")[:71]
            self.assertEqual(self.manifests(self.tag).status, 404)
            one = self.attach("application/one")
            two = self.attach("application/two")
            self.assert_list([one, two])
            status, stored = self.put_list([two, one])
            self.assertEqual(status, 201)
            self.assert_list([two, one], stored)
            for d in (one, two):
                self.assertEqual(self.manifests(d["digest"], "DELETE").status, 202)
            self.assert_list([])
            self.assertEqual(self.manifests(self.tag, "DELETE").status, 202)

    def test_another_index_under_such_a_tag_stays(self):
        """Some mirrors give images a tag made of their digest."""
        other, data = self.c.push_image(self.name, "other", layers=(b"another layer",))
        status, stored = self.put_list([descriptor(OCI_IMAGE, other, len(data))])
        self.assertEqual(status, 201)
        self.attach("application/one")
        self.assertEqual(self.manifests(self.tag).body, stored)
        r, stored = self.c.push_manifest(self.name, self.tag, self.data, OCI_IMAGE)  # nor an image
        self.assertEqual(self.manifests(self.tag).body, self.data)

    def test_tags_that_only_look_like_it(self):
        self.attach("application/one")
        for tag in (self.tag[:-1], self.tag + "0", self.tag.upper(), "sha512" + self.tag[6:], self.tag[:7] + "G" * 64):
            self.assertEqual(self.manifests(tag).status, 404, tag)


def _bytes(document):
    return json.dumps(document).encode()
