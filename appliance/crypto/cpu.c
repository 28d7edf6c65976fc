/* cpu: asks the CPU (x86) or the kernel (ARM) for AES and carry-less multiply. */
#include <cove/crypto/cpu.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

bool cpu_has_aes(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_PCLMUL);
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

/* the kernel's names: HWCAP_AES, HWCAP_PMULL */
#define HAS_AES (1UL << 3)
#define HAS_PMULL (1UL << 4)

bool cpu_has_aes(void)
{
	unsigned long has = getauxval(AT_HWCAP);

	return (has & HAS_AES) && (has & HAS_PMULL);
}

#else

/* 32-bit ARM: some of these CPUs have the instructions, but neither nettle nor mbedTLS uses them in 32-bit code. */
bool cpu_has_aes(void)
{
	return false;
}

#endif
