using System.Runtime.InteropServices;

namespace Lepton.Abi;

/// <summary>
/// What the host hands to native code on each call. The same bytes in C:
/// <code>
/// typedef struct lep_context {
///   void (*parallel)(struct lep_context*, lep_kernel, void** buffers, const int64_t* sizes, int64_t chunks); // 0: serial
///   const volatile int32_t* cancel;   // 0 or: nonzero there stops the run before the next launch
///   int32_t lock;                     // 0; taken while the error fields are written
///   int32_t error;                    // 0: none; else a NativeError
///   int64_t site;                     // which access failed: index into the entry's "sites" of the manifest
///   int64_t element;                  // row-major number of the element whose computation failed; the smallest of all that failed
///   int64_t value;                    // the index that was out of range
///   int64_t bound;                    // the size that it had to be below
///   void* host;                       // for the host's own use
///   uint8_t* prepared;                // what lep_ENTRY_prepare wrote; 0 where lep_ENTRY_prepared says 0
///   void* (*allocate)(struct lep_context*, int64_t bytes); // aligned to 64; 0: no memory. From any thread
/// } lep_context;
/// typedef void (*lep_kernel)(struct lep_context*, void** buffers, const int64_t* sizes, int64_t first_chunk, int64_t end_chunk);
/// int32_t lep_ENTRY(lep_context*, void** tensors, int64_t* dims, uint8_t* arena);         // a NativeStatus
/// int64_t lep_ENTRY_arena(const int64_t* dims);                                          // bytes; align the arena to 64
/// int32_t lep_ENTRY_prepare(lep_context*, void** tensors, const int64_t* dims, uint8_t* arena); // writes context->prepared
/// int64_t lep_ENTRY_prepared(const int64_t* dims, int64_t facts[2]);                     // its bytes; align it to 64
/// </code>
/// Work that depends on parameters, constants and sizes alone (folded or packed weights) is done by <c>lep_ENTRY_prepare</c>: once, before the
/// first <c>lep_ENTRY</c> with these parameters, and again when the parameters have changed; of <c>tensors</c> it looks at the parameters
/// alone. Any number of runs may read one prepared block at once. <c>facts</c>, unless it is 0 or nothing is prepared: a number that is the
/// same for calls (of any sizes, of any entry of the module) that can use one block, and the bytes of the arena of <c>lep_ENTRY_prepare</c>.
/// <c>tensors</c>: arguments, then parameters, then results, in manifest order; each contiguous, row-major. A sparse one is so many pointers as
/// <see cref="TensorFormat.Arrays"/> has. <c>dims</c>: the entry's size variables in manifest order. For a sparse result the run itself writes
/// the pointers of its arrays into <c>tensors</c> and the counts of its compressed levels into <c>dims</c>, both as the manifest orders them. It
/// takes that memory from <c>allocate</c>, whose blocks, not cleared, are the host's: those that no result kept are gone when the function returns.
/// Work is cut into chunks by size alone, so results never depend on the number of threads.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct NativeContext
{
    public delegate* unmanaged<NativeContext*, delegate* unmanaged<NativeContext*, void**, long*, long, long, void>, void**, long*, long, void> Parallel;
    public int* Cancel;
    public int Lock;
    public int Error;
    public long Site;
    public long Element;
    public long Value;
    public long Bound;
    public void* Host;
    public byte* Prepared;
    public delegate* unmanaged<NativeContext*, long, void*> Allocate;
}

/// <summary>What an entry returns.</summary>
public enum NativeStatus
{
    Done = 0,

    /// <summary>The error fields of the context say why.</summary>
    Failed = 1,
    Cancelled = 2,
}

/// <summary>Kinds of run-time errors of native code.</summary>
public enum NativeError
{
    None = 0,

    /// <summary>An index of a gather or scatter lies outside its axis.</summary>
    IndexOutOfRange = 1,

    /// <summary>The context's <c>allocate</c> gave nothing.</summary>
    NoMemory = 2,
}
