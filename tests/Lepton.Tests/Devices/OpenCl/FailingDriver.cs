using System.Diagnostics;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>
/// A library between leptonc and the machine's OpenCL: one function fails after some calls, as a driver's does whose device is lost, and the device may be made
/// one with a memory of its own. leptonc knows nothing of it; it runs in a process of its own, for a library that was loaded once stays.
/// </summary>
internal sealed class FailingDriver : IDisposable
{
    private const string Code = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdatomic.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>

        static atomic_long calls;

        static int fails(const char *function) {
          const char *plan = getenv("TEST_OPENCL_FAILS");
          char which[64];
          long after;
          int error;
          if (!plan || sscanf(plan, "%63s %ld %d", which, &after, &error) != 3 || strcmp(which, function)) return 0;
          return atomic_fetch_add(&calls, 1) >= after ? error : 0;
        }

        typedef int launch(void *, void *, unsigned, const size_t *, const size_t *, const size_t *, unsigned, void *, void *);
        int clEnqueueNDRangeKernel(void *queue, void *kernel, unsigned rank, const size_t *offset, const size_t *global, const size_t *local, unsigned waits, void *wait, void *event) {
          int error = fails("clEnqueueNDRangeKernel");
          return error ? error : ((launch *)dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel"))(queue, kernel, rank, offset, global, local, waits, wait, event);
        }

        typedef int build(void *, unsigned, void *, const char *, void *, void *);
        int clBuildProgram(void *program, unsigned count, void *devices, const char *options, void *notify, void *data) {
          int error = fails("clBuildProgram");
          return error ? error : ((build *)dlsym(RTLD_NEXT, "clBuildProgram"))(program, count, devices, options, notify, data);
        }

        typedef void *queue(void *, void *, unsigned long, int *);
        void *clCreateCommandQueue(void *context, void *device, unsigned long properties, int *error) {
          *error = fails("clCreateCommandQueue");
          return *error ? 0 : ((queue *)dlsym(RTLD_NEXT, "clCreateCommandQueue"))(context, device, properties, error);
        }

        typedef void *buffer(void *, unsigned long, size_t, void *, int *);
        void *clCreateBuffer(void *context, unsigned long flags, size_t bytes, void *memory, int *error) {
          *error = fails("clCreateBuffer");
          return *error ? 0 : ((buffer *)dlsym(RTLD_NEXT, "clCreateBuffer"))(context, flags, bytes, memory, error);
        }

        typedef int info(void *, unsigned, size_t, void *, size_t *);
        int clGetDeviceInfo(void *device, unsigned what, size_t bytes, void *value, size_t *needed) {
          int error = ((info *)dlsym(RTLD_NEXT, "clGetDeviceInfo"))(device, what, bytes, value, needed);
          if (!error && what == 0x1035 && value && getenv("TEST_OPENCL_OWN_MEMORY")) *(unsigned *)value = 0;
          return error;
        }
        """;

    private readonly TempFolder _folder = new();

    public FailingDriver()
    {
        File.WriteAllText(_folder["driver.c"], Code);
        Start(new ProcessStartInfo("cc", ["-shared", "-fPIC", "-O1", "-o", _folder["driver.so"], _folder["driver.c"], "-Wl,--no-as-needed", "-l:libOpenCL.so.1"]), 0);
    }

    /// <summary>Runs leptonc with it.</summary>
    /// <param name="fails">A function, after how many calls it fails, and with which error.</param>
    /// <param name="ownMemory">Whether the device has a memory of its own.</param>
    /// <param name="code">The exit code that is expected.</param>
    /// <param name="arguments">Of leptonc.</param>
    public (string Output, string Errors) Run(string fails, bool ownMemory, int code, params ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "leptonc.dll"), .. arguments]);
        start.Environment["LEPTON_OPENCL"] = _folder["driver.so"];
        start.Environment["TEST_OPENCL_FAILS"] = fails;
        if (ownMemory)
        {
            start.Environment["TEST_OPENCL_OWN_MEMORY"] = "1";
        }

        return Start(start, code);
    }

    public void Dispose() => _folder.Dispose();

    private static (string Output, string Errors) Start(ProcessStartInfo start, int code)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == code, $"exit code {process.ExitCode}: {output}{errors.Result}");
        return (output, string.Join(' ', errors.Result.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
    }
}
