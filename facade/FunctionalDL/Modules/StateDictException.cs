namespace FunctionalDL;

/// <summary>A state that does not fit the module it was to be loaded into. Nothing was changed.</summary>
public sealed class StateDictException : Exception
{
    internal StateDictException(string module, LoadReport report)
        : base($"the state does not fit {module}: {report}") => Report = report;

    /// <summary>Everything that does not fit.</summary>
    public LoadReport Report { get; }
}
