using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>What comes behind the body of a network for pictures when it is to tell other classes.</summary>
public static class VisionHead
{
    /// <summary>
    /// fastai's <c>create_head</c>: pool, flatten, then blocks of batch norm, dropout and a linear layer, with ReLU between them:
    /// <c>[batch; channels; height; width] → [batch; outputs]</c>. Weights begin as K. He gives them (ICCV 2015), biases as 0.
    /// </summary>
    /// <param name="channels">The channels that the body gives.</param>
    /// <param name="outputs">How many numbers come out.</param>
    /// <param name="linFtrs">The widths of the hidden layers; one of 512 when not given.</param>
    /// <param name="ps">
    /// Dropout in front of each linear layer: one for each, or one for the last, of which those before it have half; 0.5 when not
    /// given.
    /// </param>
    /// <param name="concatPool">Whether the largest of each channel goes in besides its mean.</param>
    /// <param name="bnFinal">Whether batch norm is behind the last layer.</param>
    /// <param name="generator">Where first values and dropout come from; when not given they differ from run to run.</param>
    /// <exception cref="OptionException">The dropouts do not go with the layers, or a width is less than 1.</exception>
    public static Sequential Create(
        int channels,
        int outputs,
        IReadOnlyList<int>? linFtrs = null,
        IReadOnlyList<double>? ps = null,
        bool concatPool = true,
        bool bnFinal = false,
        Generator? generator = null)
    {
        var usual = Head.spec(channels, outputs);
        var spec = new HeadSpec(
            channels,
            outputs,
            linFtrs is null ? usual.Hidden : Fs.Sizes(linFtrs),
            ps is null ? usual.Ps : Fs.List(ps),
            concatPool,
            bnFinal);

        List<Module> modules = [concatPool ? new AdaptiveConcatPool2d() : new AdaptiveAvgPool2d(1), new Flatten()];

        foreach (var block in Head.blocks(spec))
        {
            modules.Add(new BatchNorm1d(block.InFeatures));

            if (block.P > 0)
            {
                modules.Add(new Dropout(block.P, generator: generator));
            }

            modules.Add(new Linear(block.InFeatures, block.OutFeatures, generator: generator));

            if (!block.IsLast)
            {
                modules.Add(new ReLU());
            }
        }

        if (bnFinal)
        {
            modules.Add(new BatchNorm1d(outputs, momentum: Head.FinalMomentum));
        }

        return new Sequential([.. modules]).DrawnBy(Core.FirstValues.kaiming);
    }
}
