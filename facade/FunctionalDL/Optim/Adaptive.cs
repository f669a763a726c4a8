using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// RMSprop (T. Tieleman, G. Hinton, 2012), with PyTorch's defaults.
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="alpha">How long the mean square remembers, in [0, 1].</param>
/// <param name="eps">Added to the root of the mean square.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <param name="momentum">What part of the last movement goes on.</param>
/// <param name="centered">Whether to divide by the deviation from the mean instead.</param>
/// <param name="maximize">Whether to go up instead of down.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class RMSprop(
    IEnumerable<Parameter> parameters,
    double lr = 1e-2,
    double alpha = 0.99,
    double eps = 1e-8,
    double weightDecay = 0,
    double momentum = 0,
    bool centered = false,
    bool maximize = false)
    : BuiltInOptimizer(parameters, OptimiserModule.rmsPropWith(
        new RmsPropOptions(lr, alpha, eps, weightDecay, momentum, centered, maximize)));

/// <summary>
/// Adagrad (J. Duchi and others, JMLR 2011), with PyTorch's defaults.
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="lrDecay">The rate of step t is <c>lr / (1 + (t - 1) · lrDecay)</c>.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <param name="initialAccumulatorValue">What the sum of squares starts with.</param>
/// <param name="eps">Added to the root of the sum of squares.</param>
/// <param name="maximize">Whether to go up instead of down.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class Adagrad(
    IEnumerable<Parameter> parameters,
    double lr = 1e-2,
    double lrDecay = 0,
    double weightDecay = 0,
    double initialAccumulatorValue = 0,
    double eps = 1e-10,
    bool maximize = false)
    : BuiltInOptimizer(parameters, OptimiserModule.adagradWith(
        new AdagradOptions(lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize)));

/// <summary>
/// Adadelta (M. Zeiler, 2012), with PyTorch's defaults.
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="rho">How long the mean squares remember, in [0, 1].</param>
/// <param name="eps">Added to the mean squares.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <param name="maximize">Whether to go up instead of down.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class Adadelta(
    IEnumerable<Parameter> parameters,
    double lr = 1.0,
    double rho = 0.9,
    double eps = 1e-6,
    double weightDecay = 0,
    bool maximize = false)
    : BuiltInOptimizer(parameters, OptimiserModule.adadeltaWith(
        new AdadeltaOptions(lr, rho, eps, weightDecay, maximize)));
