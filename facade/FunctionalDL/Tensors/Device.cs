using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>What computes. Results do not depend on the number of threads.</summary>
public sealed class Device
{
    private Device(string name, int threads, IEngine engine) => (Name, Threads, Engine) = (name, threads, engine);

    /// <summary>
    /// The scalar interpreter that defines what every operation means: slow, for checking other devices
    /// against it.
    /// </summary>
    public static Device Reference { get; } = new("reference", 1, Core.Reference.engine);

    /// <summary>The name that messages use: <c>cpu</c>, <c>reference</c>.</summary>
    public string Name { get; }

    /// <summary>How many threads compute at once, the caller's among them.</summary>
    public int Threads { get; }

    internal IEngine Engine { get; }

    /// <summary>The processor.</summary>
    /// <param name="threads">How many threads compute at once; all processors when not given.</param>
    /// <exception cref="OptionException"><paramref name="threads"/> is less than 1.</exception>
    public static Device Cpu(int? threads = null) =>
        threads is { } count
            ? new Device("cpu", count, Core.Cpu.withThreads(count))
            : new Device("cpu", Environment.ProcessorCount, Core.Cpu.engine);

    /// <summary>Name and threads: <c>cpu, 2 threads</c>.</summary>
    public override string ToString() => Threads == 1 ? $"{Name}, 1 thread" : $"{Name}, {Threads} threads";
}
