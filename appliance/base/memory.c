/* memory: see memory.h. */
#include <cove/base/memory.h>
#include <cove/base/io.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define CGROUPS_BYTES (64u * 1024)
#define PATH_BYTES 1024

/* Where the hierarchies are mounted, and the file with the limit in each of their folders. In a container the mount
 * begins at its own cgroup, whatever /proc/self/cgroup says: so the top is always looked at. */
static const struct hierarchy {
	const char *mount, *file;
	bool version2;
} hierarchies[] = {
    {"sys/fs/cgroup", "memory.max", true},
    {"sys/fs/cgroup/unified", "memory.max", true},
    {"sys/fs/cgroup/memory", "memory.limit_in_bytes", false},
};

/* UINT64_MAX: none there, or "max". */
static uint64_t read_limit(int root, const struct hierarchy *h, struct str folder)
{
	struct buf b = BUF_INIT(64);
	char path[PATH_BYTES];
	uint64_t bytes = UINT64_MAX;

	if ((size_t)snprintf(path, sizeof(path), "%s%.*s/%s", h->mount, STR_ARG(folder), h->file) < sizeof(path) &&
	    io_read_file(root, path, &b, NULL) == OK &&
	    !str_u64(str_trim(str_first(buf_str(&b), b.n - (b.n > 0))), &bytes))
		bytes = UINT64_MAX;
	buf_release(&b);
	return bytes;
}

/* The least of the folder and all above it. */
static uint64_t least(int root, const struct hierarchy *h, struct str folder)
{
	uint64_t bytes = read_limit(root, h, STR_NONE), limit;
	struct str name;

	while (folder.n > 1) {
		limit = read_limit(root, h, folder);
		bytes = limit < bytes ? limit : bytes;
		if (!str_cut_last(folder, '/', &folder, &name))
			break;
	}
	return bytes;
}

static bool has_memory(struct str controllers)
{
	struct str one;

	while (controllers.n) {
		str_cut(controllers, ',', &one, &controllers);
		if (str_eq(one, STR("memory")))
			return true;
	}
	return false;
}

/* Lines of /proc/self/cgroup: "4:memory:/docker/ab12", "0::/user.slice". */
uint64_t memory_limit_of_cgroups(int root)
{
	struct buf b = BUF_INIT(CGROUPS_BYTES);
	struct str rest, line, number, controllers, folder;
	uint64_t bytes = UINT64_MAX, limit;

	if (io_read_file(root, "proc/self/cgroup", &b, NULL))
		buf_reset(&b);
	for (rest = buf_str(&b); rest.n;) {
		str_cut(rest, '\n', &line, &rest);
		str_cut(line, ':', &number, &controllers);
		str_cut(controllers, ':', &controllers, &folder);
		for (size_t i = 0; i < sizeof(hierarchies) / sizeof(*hierarchies); i++) {
			const struct hierarchy *h = &hierarchies[i];

			if (h->version2 ? controllers.n > 0 : !has_memory(controllers))
				continue;
			limit = least(root, h, folder);
			bytes = limit < bytes ? limit : bytes;
		}
	}
	buf_release(&b);
	return bytes;
}

uint64_t memory_limit_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX, limit;
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	limit = root < 0 ? UINT64_MAX : memory_limit_of_cgroups(root);
	io_close(&root);
	return limit < bytes ? limit : bytes;
}
