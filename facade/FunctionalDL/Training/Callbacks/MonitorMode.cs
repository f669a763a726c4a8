namespace FunctionalDL;

/// <summary>Which of two values of a figure is the better one.</summary>
public enum MonitorMode
{
    /// <summary>The smaller one if the figure's name has <c>loss</c> or <c>error</c> in it, otherwise the larger one.</summary>
    Auto,

    /// <summary>The smaller one.</summary>
    Min,

    /// <summary>The larger one.</summary>
    Max,
}
