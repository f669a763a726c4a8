using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>An axis of a <see cref="Plot"/>. A text is one that shows the range of its values.</summary>
public sealed class PlotAxis
{
    private PlotAxis(Axis inner) => Inner = inner;

    internal Axis Inner { get; }

    /// <summary>An axis that shows the range of its values.</summary>
    public static PlotAxis Named(string title) => new(AxisModule.named(title));

    /// <summary>An axis with 0 on it.</summary>
    public static PlotAxis FromZero(string title) => new(AxisModule.fromZero(title));

    /// <summary>An axis whose ticks are whole numbers: epochs, counts.</summary>
    public static PlotAxis Whole(string title) => new(AxisModule.whole(title));

    /// <summary>
    /// An axis on which equal factors are equal lengths; what is not above 0 leaves a gap.
    /// </summary>
    public static PlotAxis Log(string title) => new(AxisModule.log(title));

    /// <summary>An axis with these ends; what lies outside is cut off.</summary>
    /// <exception cref="ArgumentException">The ends are not finite, or not in order.</exception>
    public static PlotAxis Between(double low, double high, string title) => new(AxisModule.between(low, high, title));

    /// <summary>An axis that shows the range of its values.</summary>
    public static implicit operator PlotAxis(string title) => Named(title);
}
