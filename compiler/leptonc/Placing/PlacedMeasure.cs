using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Lepton.CommandLine.Commands;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Placing;

/// <summary>Runs of a placed entry: how long each took, and what devices did in the one of median length.</summary>
/// <param name="Seconds">Of each run.</param>
/// <param name="Typical">The run of median length.</param>
internal sealed record PlacedMeasure(IReadOnlyList<double> Seconds, PlacedTimeline Typical)
{
    private const int MostRuns = 10_000;

    public double Median => Typical.Seconds;

    /// <summary>Runs again and again, on the same memory.</summary>
    public static PlacedMeasure Of(PlacedSession session, Inputs made, double seconds, bool kernels)
    {
        var timeline = default(PlacedTimeline);
        var options = session.Options(made.Parameters) with { Timeline = t => timeline = t, Kernels = kernels };
        OwnedTensor[] outputs = session.Engine.Manifest.Results.Any(r => r.Format is not null) ? []
            : [.. session.Engine.Manifest.Results.Select(r => Tensor.Allocate(r.Element, [.. r.Shape.Select(s => s.AsConstant!.Value)]))];
        try
        {
            var (inputs, references) = (made.References, Array.ConvertAll(outputs, o => new TensorRef(o)));
            WarmUp.Run(Once, Math.Min(0.3, seconds));
            var (runs, start) = (new List<PlacedTimeline>(), Stopwatch.GetTimestamp());
            while (runs.Count < MostRuns && (runs.Count < 3 || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds))
            {
                Once();
                runs.Add(timeline!);
            }

            return new PlacedMeasure([.. runs.Select(r => r.Seconds)], runs.OrderBy(r => r.Seconds).ElementAt(runs.Count / 2));

            void Once()
            {
                if (outputs.Length > 0)
                {
                    session.Run(inputs, references, options);
                }
                else
                {
                    session.Evaluate(inputs, options).Dispose();
                }
            }
        }
        finally
        {
            Array.ForEach(outputs, o => o.Dispose());
        }
    }

    /// <summary>Measured beside planned: the whole run, and how long each device worked in it.</summary>
    public string ToText(PlacedSession session)
    {
        var planned = session.Planned();
        var lines = new List<string>
        {
            string.Create(CultureInfo.InvariantCulture, $"{session.Engine.Manifest.Name}: median {Median * 1e3:G4} ms, minimum {Seconds.Min() * 1e3:G4} ms, {Seconds.Count} runs{Against(Median, session.Request.Plan?.Seconds)}"),
            session.Summary(),
        };
        foreach (var device in Typical.Spans.Select(s => s.Device).Distinct().Order(StringComparer.Ordinal))
        {
            var busy = Typical.Spans.Where(s => s.Device == device && s.Kind == SpanKind.Segment).Sum(s => s.End - s.Start);
            var copies = Typical.Spans.Where(s => s.Device == device && s.Kind == SpanKind.Copy).Sum(s => s.End - s.Start);
            double? expected = planned.Count == 0 ? null : planned.Where(p => p.Device == device).Sum(p => p.End - p.Start);
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{device}: {busy * 1e3:G4} ms of work{Against(busy, expected)}{(copies > 0 ? $", {copies * 1e3:G4} ms of copies" : "")}"));
        }

        return string.Join('\n', lines);
    }

    public string ToJson(PlacedSession session)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("entry", session.Engine.Manifest.Name);
            json.WriteNumber("runs", Seconds.Count);
            json.WriteNumber("median_ms", Median * 1e3);
            json.WriteNumber("min_ms", Seconds.Min() * 1e3);
            json.WriteNumber("segments", session.Engine.Program.Segments.Count);
            json.WriteNumber("copies", session.Engine.Program.Copies.Count);
            if (session.Request.Plan is { Seconds: > 0 } plan)
            {
                json.WriteNumber("planned_ms", plan.Seconds * 1e3);
                json.WriteNumber("measured_to_planned", Median / plan.Seconds);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }

    private static string Against(double measured, double? planned) => planned is > 0 and var expected
        ? string.Create(CultureInfo.InvariantCulture, $"; planned {expected * 1e3:G4} ms, measured / planned {measured / expected:F2}")
        : "";
}
