namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Lepton.Abi.NativeContext as LLVM sees it, and the shared function that reports a failed run-time check.</summary>
internal static class ContextLayout
{
    public const string Type = "%lep.context = type { ptr, ptr, i32, i32, i64, i64, i64, i64, ptr, ptr, ptr }";
    public const int Parallel = 0;
    public const int Cancel = 1;
    public const int Error = 3;
    public const int Site = 4;
    public const int Value = 6;
    public const int Prepared = 9;
    public const int Allocate = 10;

    /// <summary>The signature of every kernel.</summary>
    public const string KernelParameters = "ptr %ctx, ptr %buffers, ptr %sizes, i64 %first, i64 %end";

    /// <summary>
    /// Keeps the report with the smallest (site, element), under the context's lock. Rare and cold: simple beats clever.
    /// </summary>
    public const string Fail = """
        define internal void @lep.fail(ptr %ctx, i64 %site, i64 %element, i64 %value, i64 %bound) cold noinline {
        entry:
          %lock = getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 2
          br label %spin
        spin:
          %pair = cmpxchg ptr %lock, i32 0, i32 1 acquire monotonic
          %got = extractvalue { i32, i1 } %pair, 1
          br i1 %got, label %locked, label %spin
        locked:
          %error = getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 3
          %siteAt = getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 4
          %elementAt = getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 5
          %valueAt = getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 6
          %boundAt = getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 7
          %old = load i32, ptr %error
          %none = icmp eq i32 %old, 0
          %oldSite = load i64, ptr %siteAt
          %oldElement = load i64, ptr %elementAt
          %lowerSite = icmp slt i64 %site, %oldSite
          %sameSite = icmp eq i64 %site, %oldSite
          %lowerElement = icmp slt i64 %element, %oldElement
          %lower = and i1 %sameSite, %lowerElement
          %before = or i1 %lowerSite, %lower
          %take = or i1 %none, %before
          br i1 %take, label %write, label %done
        write:
          store i32 1, ptr %error
          store i64 %site, ptr %siteAt
          store i64 %element, ptr %elementAt
          store i64 %value, ptr %valueAt
          store i64 %bound, ptr %boundAt
          br label %done
        done:
          store atomic i32 0, ptr %lock release, align 4
          ret void
        }

        """;
}
