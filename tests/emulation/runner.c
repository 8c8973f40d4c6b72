/* Runs the programs in a folder, NAME.so with NAME.runs (see ModuleExport.cs), and compares bits. The first process of the emulated machine.
   Tensors end (or start) at a page that may not be touched. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096

struct context;
typedef void (*kernel)(struct context*, void** buffers, const int64_t* sizes, int64_t first, int64_t end);
struct context {
  void (*parallel)(struct context*, kernel, void** buffers, const int64_t* sizes, int64_t chunks);
  const volatile int32_t* cancel;
  int32_t lock, error;
  int64_t report[4]; /* site, element, value, bound */
  void* host;
  unsigned char* prepared;
};

static long ran, wrong, nans, launches, libraries;
static unsigned char opcode[8];
static unsigned char *instruction, *address; /* of the last signal */
static sigjmp_buf escape;
static const unsigned char* at;

static int64_t number(void) { int64_t n; memcpy(&n, at, 8); at += 8; return n; }
static const unsigned char* bytes(int64_t n) { const unsigned char* p = at; at += n; return p; }
static const char* text(void) { int64_t n = number(); return strndup((const char*)bytes(n), n); }

static void escaped(int signal, siginfo_t* info, void* state) {
  instruction = (unsigned char*)((ucontext_t*)state)->uc_mcontext.gregs[REG_RIP];
  address = info->si_addr;
  if (signal == SIGILL) memcpy(opcode, info->si_addr, sizeof opcode);
  siglongjmp(escape, signal);
}

/* One chunk at a time, the last first. */
static void singly(struct context* c, kernel k, void** buffers, const int64_t* sizes, int64_t chunks) {
  launches++;
  for (int64_t i = chunks; i-- > 0;) k(c, buffers, sizes, i, i + 1);
}

/* Three ranges of chunks. */
static void by_thirds(struct context* c, kernel k, void** buffers, const int64_t* sizes, int64_t chunks) {
  launches++;
  for (int i = 0; i < 3; i++) k(c, buffers, sizes, chunks * i / 3, chunks * (i + 1) / 3);
}

/* Memory with pages before and behind that may not be touched, at its end or at its start. */
static unsigned char* guarded(int64_t size, int at_end, unsigned char** map, int64_t* length) {
  int64_t inside = (size + PAGE - 1) / PAGE * PAGE;
  *length = inside + 2 * PAGE;
  *map = mmap(0, *length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (*map == MAP_FAILED) { perror("mmap"); exit(1); }
  if (inside) mprotect(*map + PAGE, inside, PROT_READ | PROT_WRITE);
  return *map + PAGE + (at_end ? inside - size : 0);
}

static int is_nan(int64_t kind, const unsigned char* p) {
  double d; float f; uint16_t h;
  switch (kind) {
    case 0: memcpy(&d, p, 8); return d != d;
    case 1: memcpy(&f, p, 4); return f != f;
    case 2: memcpy(&h, p, 2); return (h & 0x7fff) > 0x7c00;
    case 3: memcpy(&h, p, 2); return (h & 0x7fff) > 0x7f80;
    default: return 0;
  }
}

static double value(int64_t kind, int size, const unsigned char* p) {
  double d; float f; int64_t i = 0;
  if (kind == 0) { memcpy(&d, p, 8); return d; }
  if (kind == 1) { memcpy(&f, p, 4); return f; }
  memcpy(&i, p, size);
  return i;
}

static void run(void* library, const char* file) {
  static const char* variants[] = {"serial", "chunks singly", "chunks by thirds"};
  const char *symbol = text(), *label = text();
  char arena_symbol[512];
  snprintf(arena_symbol, sizeof arena_symbol, "%s_arena", symbol);
  int32_t (*entry)(struct context*, void**, const int64_t*, unsigned char*) = dlsym(library, symbol);
  int64_t (*arena_bytes)(const int64_t*) = dlsym(library, arena_symbol);
  snprintf(arena_symbol, sizeof arena_symbol, "%s_prepare", symbol);
  int32_t (*prepare)(struct context*, void**, const int64_t*, unsigned char*) = dlsym(library, arena_symbol);
  snprintf(arena_symbol, sizeof arena_symbol, "%s_prepared", symbol);
  int64_t (*prepared_bytes)(const int64_t*, int64_t*) = dlsym(library, arena_symbol);
  int64_t dims[64] = {0}, sizes[256], kinds[256], widths[256], report[4] = {0};
  const unsigned char* data[256];
  int64_t dim_count = number();
  for (int i = 0; i < dim_count; i++) dims[i] = number();
  int inputs = number();
  for (int i = 0; i < inputs; i++) sizes[i] = number(), data[i] = bytes(sizes[i]);
  int all = inputs + number();
  int64_t status = number();
  for (int i = 0; i < 4; i++) report[i] = number();
  for (int i = inputs; i < all; i++) kinds[i] = number(), widths[i] = number(), sizes[i] = number(), data[i] = status ? 0 : bytes(sizes[i]);
  if (!entry || !arena_bytes || !prepare || !prepared_bytes) { wrong++; printf("%s %s: no symbol\n", file, symbol); return; }

  for (int variant = 0; variant < 3; variant++) {
    void* tensors[257];
    unsigned char* maps[259];
    int64_t lengths[259];
    for (int i = 0; i < all; i++) {
      tensors[i] = guarded(sizes[i], variant < 2, &maps[i], &lengths[i]);
      if (i < inputs) memcpy(tensors[i], data[i], sizes[i]); else memset(tensors[i], 0xa5, sizes[i]);
    }
    struct context context = {.parallel = variant == 0 ? 0 : variant == 1 ? singly : by_thirds};
    int32_t found = -1;
    int64_t arena_size = 0;
    unsigned char* arena = 0;
    ran++;
    int signal = sigsetjmp(escape, 1);
    if (!signal) {
      arena_size = arena_bytes(dims);
      arena = guarded(arena_size, 1, &maps[all], &lengths[all]);
      memset(arena, 0xff, arena_size);
      int64_t facts[2] = {0};
      context.prepared = guarded(prepared_bytes(dims, facts), 1, &maps[all + 1], &lengths[all + 1]);
      found = prepare(&context, tensors, dims, guarded(facts[1], 1, &maps[all + 2], &lengths[all + 2]));
      munmap(maps[all + 2], lengths[all + 2]);
      if (!found) found = entry(&context, tensors, dims, arena);
      munmap(maps[all], lengths[all]);
      munmap(maps[all + 1], lengths[all + 1]);
    }

    if (signal == SIGILL) {
      wrong++;
      printf("%s %s, %s: this CPU lacks the instruction", file, label, variants[variant]);
      for (unsigned i = 0; i < sizeof opcode; i++) printf(" %02x", opcode[i]);
      printf("\n");
    } else if (signal) {
      Dl_info where = {0};
      dladdr(instruction, &where);
      wrong++;
      printf("%s %s, %s: signal %d by the code at %#lx, address %p\n", file, label, variants[variant], signal,
        (long)(instruction - (unsigned char*)where.dli_fbase), address);
    } else if (found != status || (status && memcmp(context.report, report, sizeof report))) {
      wrong++;
      printf("%s %s, %s: status %d (site %ld, element %ld, value %ld, bound %ld), not %ld (%ld, %ld, %ld, %ld)\n",
        file, label, variants[variant], found, context.report[0], context.report[1], context.report[2], context.report[3],
        status, report[0], report[1], report[2], report[3]);
    } else if (!status) {
      int bad = 0, nan = 0;
      for (int i = inputs; i < all && !bad; i++) {
        const unsigned char* result = tensors[i];
        if (!memcmp(result, data[i], sizes[i])) continue;
        for (int64_t e = 0; e < sizes[i] && !bad; e += widths[i]) {
          if (!memcmp(result + e, data[i] + e, widths[i])) continue;
          if (is_nan(kinds[i], result + e) && is_nan(kinds[i], data[i] + e)) { nan = 1; continue; }
          bad = 1;
          printf("%s %s, %s: result %d [%ld] is %.17g, not %.17g\n", file, label, variants[variant], i - inputs, e / widths[i],
            value(kinds[i], widths[i], result + e), value(kinds[i], widths[i], data[i] + e));
        }
      }
      wrong += bad;
      nans += nan && !bad;
    }
    for (int i = 0; i < all; i++) munmap(maps[i], lengths[i]);
  }
}

static void program(const char* folder, const char* file) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  void* library = dlopen(path, RTLD_NOW);
  if (!library) { wrong++; printf("%s\n", dlerror()); return; }
  strcpy(path + strlen(path) - 3, ".runs");
  FILE* f = fopen(path, "rb");
  struct stat s;
  if (!f || fstat(fileno(f), &s)) { wrong++; perror(path); return; }
  unsigned char* all = malloc(s.st_size);
  if (fread(all, 1, s.st_size, f) != (size_t)s.st_size) { wrong++; perror(path); }
  fclose(f);
  at = all;
  libraries++;
  for (int64_t runs = number(); runs > 0; runs--) run(library, file);
  free(all);
  dlclose(library);
}

/* Instructions that versions of Bochs were seen to get wrong. Answers how many are. */
static int emulator_faults(void) {
  static uint64_t numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8}, result[8];
  static int faults;
  float tie = 1 + 1 / 2048.f;
  if (!sigsetjmp(escape, 1)) {
    __asm__ volatile("vmovss %1, %%xmm2\n vcvtps2ph $0, %%xmm2, %%xmm2\n vmovdqu %%xmm2, %0" : "=m"(result) : "m"(tie) : "xmm2");
    if ((result[0] & 0xffff) != 0x3c00) faults++, printf("this CPU rounds to f16 wrongly\n");
  } else faults++, printf("this CPU has no f16c\n");
  if (!sigsetjmp(escape, 1)) {
    __asm__ volatile("vpxorq %%xmm16, %%xmm16, %%xmm16\n vpinsrb $0, 8(%1), %%xmm16, %%xmm16\n vmovdqu64 %%xmm16, %0"
      : "=m"(result) : "r"(numbers));
    if (result[0] != 2) faults++, printf("this CPU gets the displacement of vpinsrb wrong\n");
  } else faults++, printf("this CPU has no AVX-512\n");
  if (!sigsetjmp(escape, 1)) {
    __asm__ volatile("kxnorw %%k1, %%k1, %%k1\n vpxorq %%zmm17, %%zmm17, %%zmm17\n vpgatherqq 8(%1, %%zmm17), %%zmm2%{%%k1%}\n"
      "vmovdqu64 %%zmm2, %0" : "=m"(result) : "r"(numbers) : "xmm2");
    if (result[7] != 2) faults++, printf("this CPU gathers wrongly by zmm17\n");
  } else faults++, printf("this CPU does not gather by zmm17\n");
  return faults;
}

int main(int argc, char** argv) {
  int is_machine = getpid() == 1; /* then Linux gives words of its own as arguments */
  const char* folder = argc > 1 && !is_machine ? argv[1] : "/programs";
  if (is_machine) {
    mount("proc", "/proc", "proc", 0, 0);
    klogctl(8, 0, 1); /* what Linux has to say of signals would stand in the middle of our lines */
  }
  setvbuf(stdout, 0, _IOLBF, 0);
  static char stack[1 << 16];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, 0);
  int signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE};
  struct sigaction action = {.sa_sigaction = escaped, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (int i = 0; i < 4; i++) sigaction(signals[i], &action, 0);
  int faults = emulator_faults();
  struct dirent** names;
  int count = faults ? 0 : scandir(folder, &names, 0, alphasort);
  if (count < 0) perror(folder);
  for (int i = 0; i < count; i++) {
    size_t n = strlen(names[i]->d_name);
    if (n > 3 && !strcmp(names[i]->d_name + n - 3, ".so")) program(folder, names[i]->d_name);
    if (i % 100 == 99) printf("… %ld ran, %ld mismatches\n", ran, wrong);
  }
  if (faults) printf("nothing ran: see tests/emulated.sh\n");
  else {
    printf("%ld libraries, %ld launches of several chunks, %ld with other bits of a nan\n", libraries, launches, nans);
    printf("%ld ran, %ld mismatches\n", ran, wrong);
  }
  fflush(stdout);
  if (is_machine) { sleep(1); reboot(RB_POWER_OFF); }
  return faults || wrong;
}
