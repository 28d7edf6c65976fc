/* banned: functions that have no safe use here. Force-included into every file of ours; using one does not compile. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok strtok_r gets
#pragma GCC poison sscanf vsscanf scanf atoi atol atoll atof strtol strtoul strtoll strtoull
#pragma GCC poison gmtime localtime ctime asctime ctime_r asctime_r
#undef alloca /* glibc defines it as a macro, and a macro cannot be poisoned */
#pragma GCC poison alloca tmpnam mktemp system popen rand srand
