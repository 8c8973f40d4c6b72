using Lepton.Placement.Problem;

namespace Lepton.Placement.Heuristics;

/// <summary>
/// Busy money of an assignment as flat tables, for a search that changes one variable at a time. A copy is paid once for each device that it goes to.
/// </summary>
internal sealed class Prices
{
    private readonly int _devices;
    private readonly double[] _kernel, _copy;
    private readonly int[] _producer;
    private readonly int[][] _consumers, _members, _around;
    private readonly int[] _sentFor;
    private int _stamp;

    public Prices(Tables tables)
    {
        _devices = tables.Devices;
        _kernel = new double[tables.Kernels * _devices];
        for (var i = 0; i < _kernel.Length; i++)
        {
            _kernel[i] = tables.Usd(i / _devices, i % _devices);
        }

        _copy = new double[tables.Tensors * _devices * _devices];
        for (var i = 0; i < _copy.Length; i++)
        {
            _copy[i] = tables.CopyUsd(i / (_devices * _devices), i / _devices % _devices, i % _devices);
        }

        (_producer, _consumers, _members, _sentFor) = (tables.Producer, tables.Consumers, tables.Members, new int[_devices]);

        // Each tensor once: those that the variable makes, and those that it reads and others make.
        _around = [.. _members.Select(m => m.SelectMany(v => tables.Outputs[v].Concat(tables.Inputs[v])).Distinct().ToArray())];
    }

    /// <summary>Usd of all kernels and copies.</summary>
    public double Of(int[] device)
    {
        var usd = 0.0;
        foreach (var members in _members)
        {
            usd += Kernels(members, device);
        }

        for (var t = 0; t < _producer.Length; t++)
        {
            usd += Sent(t, device);
        }

        return usd;
    }

    /// <summary>Usd of the kernels of a variable and of the tensors that they read and make: what can change when it moves.</summary>
    public double Around(int variable, int[] device)
    {
        var usd = Kernels(_members[variable], device);
        foreach (var t in _around[variable])
        {
            usd += Sent(t, device);
        }

        return usd;
    }

    private double Kernels(int[] members, int[] device)
    {
        var usd = 0.0;
        foreach (var v in members)
        {
            usd += _kernel[(v * _devices) + device[v]];
        }

        return usd;
    }

    private double Sent(int t, int[] device)
    {
        var (usd, from) = (0.0, device[_producer[t]]);
        _stamp++;
        foreach (var w in _consumers[t])
        {
            var to = device[w];
            if (to != from && _sentFor[to] != _stamp)
            {
                _sentFor[to] = _stamp;
                usd += _copy[(((t * _devices) + from) * _devices) + to];
            }
        }

        return usd;
    }
}
