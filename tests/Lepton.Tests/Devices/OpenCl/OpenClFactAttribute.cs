using Lepton.Runtime.OpenCl;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>
/// A test that needs an OpenCL device. tests/run.sh installs one, PoCL: there such a test runs or fails. Elsewhere Lepton works without, and what needs
/// one is not run.
/// </summary>
public sealed class OpenClFactAttribute : FactAttribute
{
    public OpenClFactAttribute() => Skip = Missing;

    /// <summary>Why there is no device, where there need not be one.</summary>
    internal static string? Missing { get; } = Find();

    private static string? Find()
    {
        try
        {
            _ = OpenClDevice.Get(0);
            return null;
        }
        catch (OpenClMissingException e)
        {
            return Environment.GetEnvironmentVariable("LEPTON_TEST_OPENCL") is "1" ? null : e.Message;
        }
    }
}

/// <summary>The same for a theory.</summary>
public sealed class OpenClTheoryAttribute : TheoryAttribute
{
    public OpenClTheoryAttribute() => Skip = OpenClFactAttribute.Missing;
}
