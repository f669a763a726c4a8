using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>What dropouts share: the specification of the core.</summary>
internal static class DropoutOf
{
    public static Core.Layer Unit(double p, DropoutUnit unit) => Core.Layer.NewDropout(new DropoutSpec(p, unit));
}

/// <summary>
/// In training each element becomes 0 with a probability, and the others are divided by what is left of 1, so that
/// means stay; in evaluation nothing happens.
/// </summary>
/// <param name="p">The probability, 0 to 1.</param>
/// <param name="generator">
/// Where it draws from in eager code; when not given runs differ, unless the network is initialised from a seed. A
/// <see cref="Learner"/> draws from its own seed.
/// </param>
/// <exception cref="OptionException">It is no probability.</exception>
public sealed class Dropout(double p = 0.5, Generator? generator = null)
    : Layer(DropoutOf.Unit(p, DropoutUnit.Element), $"p={Repr.Of(p)}", generator, draws: true)
{
    /// <summary>The probability that an element becomes 0.</summary>
    public double P { get; } = p;
}

/// <summary><see cref="Dropout"/> of whole channels of <c>[batch; channels; length]</c> (J. Tompson and others, CVPR 2015).</summary>
/// <param name="p">The probability, 0 to 1.</param>
/// <param name="generator">Where it draws from in eager code.</param>
/// <exception cref="OptionException">It is no probability.</exception>
public sealed class Dropout1d(double p = 0.5, Generator? generator = null)
    : Layer(DropoutOf.Unit(p, DropoutUnit.Channel), $"p={Repr.Of(p)}", generator, draws: true)
{
    /// <summary>The probability that a channel becomes 0.</summary>
    public double P { get; } = p;
}

/// <summary><see cref="Dropout"/> of whole channels of <c>[batch; channels; height; width]</c> (J. Tompson and others, CVPR 2015).</summary>
/// <param name="p">The probability, 0 to 1.</param>
/// <param name="generator">Where it draws from in eager code.</param>
/// <exception cref="OptionException">It is no probability.</exception>
public sealed class Dropout2d(double p = 0.5, Generator? generator = null)
    : Layer(DropoutOf.Unit(p, DropoutUnit.Channel), $"p={Repr.Of(p)}", generator, draws: true)
{
    /// <summary>The probability that a channel becomes 0.</summary>
    public double P { get; } = p;
}

/// <summary><see cref="Dropout"/> of whole channels of <c>[batch; channels; depth; height; width]</c> (J. Tompson and others, CVPR 2015).</summary>
/// <param name="p">The probability, 0 to 1.</param>
/// <param name="generator">Where it draws from in eager code.</param>
/// <exception cref="OptionException">It is no probability.</exception>
public sealed class Dropout3d(double p = 0.5, Generator? generator = null)
    : Layer(DropoutOf.Unit(p, DropoutUnit.Channel), $"p={Repr.Of(p)}", generator, draws: true)
{
    /// <summary>The probability that a channel becomes 0.</summary>
    public double P { get; } = p;
}
