using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Stochastic gradient descent as PyTorch has it: <c>g ← g + weightDecay · p</c>; with momentum <c>v ← g</c>
/// at the first step, later <c>v ← momentum · v + (1 - dampening) · g</c>, and <c>g ← v</c> (or, with
/// nesterov, <c>g + momentum · v</c>); <c>p ← p - lr · g</c>.
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="momentum">What part of the last movement goes on.</param>
/// <param name="dampening">What part of each gradient but the first is kept out of the movement.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <param name="nesterov">Whether to look one movement ahead.</param>
/// <param name="maximize">Whether to go up instead of down.</param>
/// <exception cref="OptionException">
/// An option is negative, or nesterov has no momentum or has dampening.
/// </exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class SGD(
    IEnumerable<Parameter> parameters,
    double lr,
    double momentum = 0,
    double dampening = 0,
    double weightDecay = 0,
    bool nesterov = false,
    bool maximize = false)
    : BuiltInOptimizer(parameters, OptimiserModule.sgdWith(
        new SgdOptions(lr, momentum, dampening, weightDecay, nesterov, maximize)));
