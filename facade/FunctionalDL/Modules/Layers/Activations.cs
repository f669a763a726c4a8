using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>A function of each element, or along an axis, as a layer.</summary>
public abstract class ActivationLayer : Layer
{
    private protected ActivationLayer(
        ActivationFunction function, string options = "", Generator? generator = null, bool draws = false)
        : base(Core.Layer.NewActivation(function), options, generator, draws)
    {
    }
}

/// <summary><c>max(x, 0)</c>; its derivative at 0 is 0.</summary>
public sealed class ReLU() : Layer(Core.Layer.ReLU);

/// <summary><c>x</c> above 0, <c>negativeSlope · x</c> below.</summary>
/// <param name="negativeSlope">The slope below 0.</param>
public sealed class LeakyReLU(double negativeSlope = 0.01) : ActivationLayer(ActivationFunction.NewLeakyReLU(negativeSlope), $"negative_slope={Repr.Of(negativeSlope)}");

/// <summary>A leaky rectifier whose slopes are learned: one, or one for each channel; 0.25 at first.</summary>
/// <param name="numParameters">1, or the number of channels.</param>
public sealed class PReLU(int numParameters = 1) : ActivationLayer(ActivationFunction.NewPReLU(numParameters), $"num_parameters={numParameters}")
{
    /// <summary>The slopes.</summary>
    public Parameter Weight => Own("weight");
}

/// <summary><c>min(max(x, 0), 6)</c>.</summary>
public sealed class ReLU6() : ActivationLayer(ActivationFunction.ReLU6);

/// <summary><c>x</c> above 0, <c>alpha · (exp(x) - 1)</c> below.</summary>
/// <param name="alpha">What it goes to below, negative.</param>
public sealed class ELU(double alpha = 1.0) : ActivationLayer(ActivationFunction.NewELU(alpha), $"alpha={Repr.Of(alpha)}");

/// <summary><c>x</c> above 0, <c>alpha · (exp(x / alpha) - 1)</c> below.</summary>
/// <param name="alpha">What it goes to below, negative.</param>
public sealed class CELU(double alpha = 1.0) : ActivationLayer(ActivationFunction.NewCELU(alpha), $"alpha={Repr.Of(alpha)}");

/// <summary><see cref="ELU"/> with the scales that keep mean 0 and variance 1 (G. Klambauer and others, NIPS 2017).</summary>
public sealed class SELU() : ActivationLayer(ActivationFunction.SELU);

/// <summary><c>x · sigmoid(x)</c>.</summary>
public sealed class SiLU() : ActivationLayer(ActivationFunction.SiLU);

/// <summary><c>x · tanh(softplus(x))</c>.</summary>
public sealed class Mish() : ActivationLayer(ActivationFunction.Mish);

/// <summary><c>log(1 + exp(beta · x)) / beta</c>, without overflow.</summary>
/// <param name="beta">How sharp the bend is.</param>
/// <param name="threshold">Above this, <c>beta · x</c> counts as linear.</param>
public sealed class Softplus(double beta = 1, double threshold = 20) : ActivationLayer(ActivationFunction.NewSoftplus(beta, threshold), FormattableString.Invariant($"beta={beta}, threshold={threshold}"));

/// <summary><c>x / (1 + |x|)</c>.</summary>
public sealed class Softsign() : ActivationLayer(ActivationFunction.Softsign);

/// <summary><c>1 / (1 + exp(-x))</c>, without overflow.</summary>
public sealed class Sigmoid() : ActivationLayer(ActivationFunction.Sigmoid);

/// <summary><c>log(sigmoid(x))</c>, without overflow.</summary>
public sealed class LogSigmoid() : ActivationLayer(ActivationFunction.LogSigmoid);

/// <summary>The hyperbolic tangent.</summary>
public sealed class Tanh() : ActivationLayer(ActivationFunction.Tanh);

/// <summary>Elements moved to the nearest bound where they are outside.</summary>
/// <param name="minVal">The lower bound.</param>
/// <param name="maxVal">The upper bound.</param>
public sealed class Hardtanh(double minVal = -1, double maxVal = 1) : ActivationLayer(ActivationFunction.NewHardtanh(minVal, maxVal), $"min_val={Repr.Of(minVal)}, max_val={Repr.Of(maxVal)}");

/// <summary><c>min(max(x + 3, 0), 6) / 6</c>.</summary>
public sealed class Hardsigmoid() : ActivationLayer(ActivationFunction.Hardsigmoid);

/// <summary><c>x · hardsigmoid(x)</c>.</summary>
public sealed class Hardswish() : ActivationLayer(ActivationFunction.Hardswish);

/// <summary><c>x - tanh(x)</c>.</summary>
public sealed class Tanhshrink() : ActivationLayer(ActivationFunction.Tanhshrink);

/// <summary>0 where <c>|x| ≤ lambda</c>, else <c>x</c> moved by lambda towards 0.</summary>
/// <param name="lambda">The width.</param>
public sealed class Softshrink(double lambda = 0.5) : ActivationLayer(ActivationFunction.NewSoftshrink(lambda), $"{Repr.Of(lambda)}");

/// <summary>0 where <c>|x| ≤ lambda</c>, else <c>x</c>.</summary>
/// <param name="lambda">The width.</param>
public sealed class Hardshrink(double lambda = 0.5) : ActivationLayer(ActivationFunction.NewHardshrink(lambda), $"{Repr.Of(lambda)}");

/// <summary><c>x</c> above a threshold, else a value.</summary>
/// <param name="threshold">The threshold.</param>
/// <param name="value">The value.</param>
public sealed class Threshold(double threshold, double value) : ActivationLayer(ActivationFunction.NewThreshold(threshold, value), $"threshold={Repr.Of(threshold)}, value={Repr.Of(value)}");

/// <summary>Probabilities along an axis: <c>exp(x) / Σ exp(x)</c>.</summary>
/// <param name="dim">The axis of the classes.</param>
public sealed class Softmax(int dim) : ActivationLayer(ActivationFunction.NewSoftmax(dim), $"dim={dim}");

/// <summary>The logarithms of <see cref="Softmax"/> (nats).</summary>
/// <param name="dim">The axis of the classes.</param>
public sealed class LogSoftmax(int dim) : ActivationLayer(ActivationFunction.NewLogSoftmax(dim), $"dim={dim}");

/// <summary>The first half of an axis times the sigmoid of the second.</summary>
/// <param name="dim">The axis.</param>
public sealed class GLU(int dim = -1) : ActivationLayer(ActivationFunction.NewGLU(dim), $"dim={dim}");

/// <summary><c>x · Φ(x)</c>, where Φ is the normal distribution's function.</summary>
/// <param name="approximate">"none", or "tanh" for the older formula with the hyperbolic tangent.</param>
/// <exception cref="OptionException">It is neither.</exception>
public sealed class GELU(string approximate = "none") : ActivationLayer(
    approximate switch
    {
        "none" => ActivationFunction.GELU,
        "tanh" => ActivationFunction.GELUTanh,
        _ => throw new OptionException($"gelu: approximate is '{approximate}'; it is 'none' or 'tanh'"),
    },
    $"approximate='{approximate}'");

/// <summary>
/// A leaky rectifier whose slopes are drawn while training, and their mean else (B. Xu and others, 2015).
/// </summary>
/// <param name="lower">The least slope.</param>
/// <param name="upper">The greatest slope.</param>
/// <param name="generator">Where it draws from in eager code.</param>
/// <exception cref="OptionException">The least is above the greatest.</exception>
public sealed class RReLU(double lower = 1.0 / 8, double upper = 1.0 / 3, Generator? generator = null) : ActivationLayer(
    ActivationFunction.NewRReLU(lower, upper), $"lower={Repr.Of(lower)}, upper={Repr.Of(upper)}", generator, draws: true);
