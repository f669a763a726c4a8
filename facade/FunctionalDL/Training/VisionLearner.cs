using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// fastai's <c>cnn_learner</c>: the body of a network for pictures with a new head for the classes of the data, in layer groups.
/// <c>new VisionLearner(data, ResNet.ResNet34(), pretrained: true)</c>, then <see cref="Learner.FineTune"/>.
/// </summary>
public class VisionLearner : Learner
{
    /// <summary>A learner for pictures.</summary>
    /// <param name="data">Batches <c>[items; channels; height; width]</c> to train on and to judge by.</param>
    /// <param name="arch">
    /// The network whose body is taken, with its weights: a list of modules, or one that calls its parts in their order up to the
    /// cut, as <see cref="ResNet"/>. It shares them with the new one.
    /// </param>
    /// <param name="pretrained">
    /// Whether the weights of the body were trained for something else: it is frozen at first, batch norms excepted.
    /// </param>
    /// <param name="classes">How many numbers come out; as many as the data have classes when not given.</param>
    /// <param name="cut">
    /// How many of the network's parts the body takes; negative numbers leave out so many. Those before the last that pools, when
    /// not given.
    /// </param>
    /// <param name="splitOn">
    /// The parts of the body that begin another layer group; when not given 6 for <see cref="ResNet"/>, 3 for <see cref="XResNet"/>,
    /// none for others. The head is a group of its own.
    /// </param>
    /// <param name="linFtrs">The widths of the head's hidden layers; one of 512 when not given.</param>
    /// <param name="ps">
    /// Dropout in front of each linear layer of the head: one for each, or one for the last, of which those before it have half; 0.5
    /// when not given.
    /// </param>
    /// <param name="customHead">What comes behind the body in place of the usual head.</param>
    /// <param name="concatPool">Whether the largest of each channel goes into the head besides its mean.</param>
    /// <param name="bnFinal">Whether batch norm is behind the head's last layer.</param>
    /// <param name="lossFunc">
    /// Output and target to the batch's mean loss; <see cref="Losses.CrossEntropy(Tensor, Tensor)"/> when not given.
    /// </param>
    /// <param name="optFunc">Makes the optimiser for parameters and a learning rate; <see cref="SGD"/> when not given.</param>
    /// <param name="metrics">Output and target to a batch's mean, such as <see cref="Metrics.Accuracy"/>.</param>
    /// <param name="callbacks">What takes part in all fits.</param>
    /// <param name="wd">True weight decay, in place of the optimiser's own.</param>
    /// <param name="wdBnBias">Whether biases and the parameters of norms decay too.</param>
    /// <param name="trainBn">Whether the parameters of batch norms are trained in frozen groups.</param>
    /// <param name="seed">
    /// What the run follows from, as <see cref="Learner"/> says: first values too, where they were drawn without a generator.
    /// </param>
    /// <param name="device">What computes; the processor with all its cores when not given.</param>
    /// <param name="compile">Whether steps are traced and compiled.</param>
    /// <param name="output">Where the table goes; the console when not given.</param>
    /// <param name="silent">Whether nothing is printed.</param>
    /// <exception cref="OptionException">
    /// The number of classes is not known, there is no such cut or split, or an option of the head is out of range.
    /// </exception>
    public VisionLearner(
        DataLoaders data,
        Module arch,
        bool pretrained = false,
        int? classes = null,
        int? cut = null,
        IReadOnlyList<int>? splitOn = null,
        IReadOnlyList<int>? linFtrs = null,
        IReadOnlyList<double>? ps = null,
        Module? customHead = null,
        bool concatPool = true,
        bool bnFinal = false,
        Func<Tensor, Tensor, Tensor>? lossFunc = null,
        Func<IReadOnlyList<Parameter>, double, Optimizer>? optFunc = null,
        IReadOnlyList<Func<Tensor, Tensor, Tensor>>? metrics = null,
        IReadOnlyList<Callback>? callbacks = null,
        double? wd = null,
        bool wdBnBias = true,
        bool trainBn = true,
        long? seed = null,
        Device? device = null,
        bool compile = true,
        TextWriter? output = null,
        bool silent = false)
        : base(
            data,
            Joined(BodyOf(arch, cut), body => customHead ?? VisionHead.Create(
                ChannelsOf(body), ClassesOf(data, classes), linFtrs, ps, concatPool, bnFinal)),
            lossFunc ?? Losses.CrossEntropy,
            optFunc,
            metrics,
            callbacks,
            model => Groups((Sequential)model, splitOn ?? UsualSplit(arch)),
            wd,
            wdBnBias,
            trainBn,
            seed,
            device,
            compile,
            output,
            silent)
    {
        if (pretrained)
        {
            Freeze();
        }
    }

    /// <summary>The part of the network that was cut off: pictures to channels of faces.</summary>
    public Sequential Body => (Sequential)((Sequential)Model)[0];

    /// <summary>What is new: channels of faces to scores of classes.</summary>
    public Module Head => ((Sequential)Model)[1];

    /// <summary>Where the body is active for a picture: <see cref="HeatMap.Activations"/>.</summary>
    /// <param name="input">A batch of one picture, as the network is given it.</param>
    /// <returns><c>[height; width]</c> of the body's faces.</returns>
    public Tensor ActivationMap(Tensor input) => HeatMap.Activations(Model, Body, input);

    /// <summary>Where the body speaks for a class: <see cref="HeatMap.GradCam"/>.</summary>
    /// <param name="input">A batch of one picture, as the network is given it.</param>
    /// <param name="category">The class.</param>
    /// <param name="positive">Whether it is the paper's form.</param>
    /// <returns><c>[height; width]</c> of the body's faces.</returns>
    public Tensor GradCam(Tensor input, int category, bool positive = false) =>
        HeatMap.GradCam(Model, Body, input, category, positive);

    private static Sequential Joined(Sequential body, Func<Sequential, Module> head) => new(body, head(body));

    private static int ClassesOf(DataLoaders data, int? classes) => classes ?? data.Classes?.Count
        ?? throw new OptionException("classes: the data have no names of classes; say how many there are");

    /// <summary>The parts before the cut.</summary>
    private static Sequential BodyOf(Module arch, int? cut)
    {
        var parts = arch.NamedChildren().Select(child => child.Module).ToList();
        var count = cut is { } given
            ? given < 0 ? parts.Count + given : given
            : parts.FindLastIndex(part => part.NamedModules().Any(inner => IsPool(inner.Module)));

        return count > 0 && count <= parts.Count
            ? new Sequential([.. parts.Take(count)])
            : throw new OptionException(cut is null
                ? $"cut: {arch.TypeName} has no part behind others that pools; say how many of its {parts.Count} parts are the body"
                : $"cut: {cut} leaves no body of the {parts.Count} parts of {arch.TypeName}");
    }

    private static bool IsPool(Module module) =>
        module.TypeName is [.. var kind, '1' or '2' or '3', 'd'] && kind.EndsWith("Pool", StringComparison.Ordinal);

    /// <summary>The channels that a body gives, by the shape of what it makes of a picture.</summary>
    private static int ChannelsOf(Sequential body)
    {
        var channels = body.NamedModules().Select(m => m.Module).OfType<Conv2d>().FirstOrDefault()?.InChannels ?? 3;

        return ModelSummary.Outputs(body, [Tensor.Zeros([1, channels, 64, 64])])[body] is [_, var found, _, _]
            ? found
            : throw new OptionException("cut: the body does not give channels of faces; cut earlier, or give a customHead");
    }

    private static int[] UsualSplit(Module arch) => arch switch
    {
        ResNet => [6],
        XResNet => [3],
        _ => [],
    };

    private static List<IReadOnlyList<Parameter>> Groups(Sequential model, IReadOnlyList<int> splitOn)
    {
        var body = (Sequential)model[0];
        int[] ends = [0, .. splitOn, body.Count];

        return ends.Zip(ends.Skip(1)).All(pair => pair.First < pair.Second)
            ? [.. ends.Zip(ends.Skip(1), (first, end) => body[first..end].Parameters()), model[1].Parameters()]
            : throw new OptionException(
                $"splitOn: {string.Join(", ", splitOn)} does not cut the body's {body.Count} parts in order");
    }
}
