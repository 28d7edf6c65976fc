/* memory: limits as kernels and containers show them, in a folder that stands for /. */
#include <cove/base/io.h>
#include <cove/base/memory.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

struct file {
	const char *path, *text;
};

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void write_file(int root, const struct file *f)
{
	char folder[256];

	for (size_t i = 1; f->path[i]; i++)
		if (f->path[i] == '/') {
			snprintf(folder, sizeof folder, "%.*s", (int)i, f->path);
			(void)!mkdirat(root, folder, 0700);
		}
	assert_int_equal(io_write_file(root, f->path, str_of(f->text), 0600, NULL), OK);
}

#define V1 "sys/fs/cgroup/memory"
#define V2 "sys/fs/cgroup"
#define NONE "9223372036854771712\n"

static void the_least_limit_counts(void **state)
{
	static const struct {
		const char *what;
		struct file files[5];
		uint64_t limit;
	} rows[] = {
	    {"no cgroups", {{0}}, UINT64_MAX},
	    {"version 2, in a container", {{"proc/self/cgroup", "0::/\n"}, {V2 "/memory.max", "67108864\n"}}, 67108864},
	    {"version 2, no limit", {{"proc/self/cgroup", "0::/\n"}, {V2 "/memory.max", "max\n"}}, UINT64_MAX},
	    {"version 2, a service",
		{{"proc/self/cgroup", "0::/system.slice/cove.service\n"},
		    {V2 "/system.slice/cove.service/memory.max", "1000000\n"}},
		1000000},
	    {"version 2, the slice has less",
		{{"proc/self/cgroup", "0::/system.slice/cove.service\n"},
		    {V2 "/system.slice/cove.service/memory.max", "1000000\n"},
		    {V2 "/system.slice/memory.max", "2000\n"}},
		2000},
	    {"version 1, Synology's Docker: the host's path, the container's mount",
		{{"proc/self/cgroup", "9:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n"},
		    {V1 "/memory.limit_in_bytes", "117440512\n"}},
		117440512},
	    {"version 1, nested",
		{{"proc/self/cgroup", "4:hugetlb,memory:/docker/ab\n"}, {V1 "/memory.limit_in_bytes", NONE},
		    {V1 "/docker/memory.limit_in_bytes", "5000\n"}, {V1 "/docker/ab/memory.limit_in_bytes", NONE}},
		5000},
	    {"hybrid: the memory controller is version 1's",
		{{"proc/self/cgroup", "4:memory:/box\n0::/box\n"}, {V1 "/box/memory.limit_in_bytes", "7000\n"},
		    {"sys/fs/cgroup/unified/box/cgroup.procs", ""}},
		7000},
	    {"a controller that only sounds like it",
		{{"proc/self/cgroup", "4:memory2:/box\n"}, {V1 "/box/memory.limit_in_bytes", "7000\n"}}, UINT64_MAX},
	    {"not a number", {{"proc/self/cgroup", "0::/\n"}, {V2 "/memory.max", "x\n"}}, UINT64_MAX},
	    {"nothing in it", {{"proc/self/cgroup", ":\n\n0::\n"}, {V2 "/memory.max", ""}}, UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char path[] = "/tmp/cove-memory-XXXXXX";
		int root;

		assert_non_null(mkdtemp(path));
		root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (const struct file *f = rows[i].files; f->path; f++)
			write_file(root, f);
		if (memory_limit_of_cgroups(root) != rows[i].limit)
			fail_msg("%s: %llu", rows[i].what, (unsigned long long)memory_limit_of_cgroups(root));
		io_close(&root);
		assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	}
}

static void this_machine_has_some(void **state)
{
	(void)state;
	assert_true(memory_limit_bytes() > 1 << 20);
	assert_true(memory_limit_bytes() < UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_least_limit_counts),
	    cmocka_unit_test(this_machine_has_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
