using Lepton.CommandLine.Commands;

namespace Lepton.CommandLine.Tuning;

/// <summary>A bar while kernels are tuned.</summary>
internal static class TuneProgress
{
    public static void Show(Action<Action<TuneState>> work) => ProgressBar.Show(
        "measuring the kernels",
        show => work(state => show(state.Share, $"{state.Tried} schedules of {state.Kernels} kernels, {state.Improved} faster")));
}
