using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Adam whose step is scaled by each parameter's length (Y. You and others, ICLR 2020).
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="betas">How long the means of gradients and of their squares remember, each in [0, 1).</param>
/// <param name="eps">Added to the root of the mean square.</param>
/// <param name="weightDecay">This times the parameter is added to its movement.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class LAMB(
    IEnumerable<Parameter> parameters,
    double lr = 1e-3,
    (double Beta1, double Beta2)? betas = null,
    double eps = 1e-6,
    double weightDecay = 1e-2)
    : BuiltInOptimizer(parameters, OptimiserModule.lambWith(
        new LambOptions(lr, Betas(betas, 0.9, 0.999), eps, weightDecay)));

/// <summary>
/// Descent with momentum whose step is scaled by each parameter's length (Y. You and others, 2017).
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="momentum">What part of the last movement goes on.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <param name="trustCoefficient">What share of a parameter's length a step of rate 1 moves it by.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class LARS(
    IEnumerable<Parameter> parameters,
    double lr = 1.0,
    double momentum = 0.9,
    double weightDecay = 5e-4,
    double trustCoefficient = 1e-3)
    : BuiltInOptimizer(parameters, OptimiserModule.larsWith(
        new LarsOptions(lr, momentum, weightDecay, trustCoefficient)));

/// <summary>
/// Every element moves by <c>lr</c> along the sign of a mean gradient (X. Chen and others, NeurIPS 2023).
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="betas">How long the means of gradients and of their squares remember, each in [0, 1).</param>
/// <param name="weightDecay">Decoupled decay: the parameter shrinks by <c>lr · weightDecay</c>.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class Lion(
    IEnumerable<Parameter> parameters,
    double lr = 1e-4,
    (double Beta1, double Beta2)? betas = null,
    double weightDecay = 0)
    : BuiltInOptimizer(parameters, OptimiserModule.lionWith(
        new LionOptions(lr, Betas(betas, 0.9, 0.99), weightDecay)));
