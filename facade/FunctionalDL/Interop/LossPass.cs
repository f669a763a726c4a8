using FunctionalDL.Core;

namespace FunctionalDL.Interop;

/// <summary>
/// A forward pass of a module in training and the gradients of its loss: what a loop written by hand does between
/// <c>Call</c> and <c>Backward</c>, as a function of values.
/// </summary>
/// <param name="Loss">The loss.</param>
/// <param name="Gradients">The gradient of each trained parameter; null for those that the loss does not depend on.</param>
/// <param name="State">The new values of the module's state, in order.</param>
internal sealed record LossPass(Core.Tensor Loss, IReadOnlyList<Core.Tensor?> Gradients, IReadOnlyList<Core.Tensor> State)
{
    public static LossPass Of(
        PureModule module,
        Module root,
        Func<Tensor, Tensor, Tensor> lossFunc,
        IReadOnlyList<Core.Tensor> parameters,
        IReadOnlyList<Core.Tensor> state,
        Key key,
        IReadOnlyList<Tensor> inputs,
        Tensor target)
    {
        var variables = parameters.Select(Eager.variable).ToArray();
        var binding = new Binding(true, module.Keys(key));
        Bind(module.Trained, variables);
        Bind(module.State, state);

        using (Ambient.Bound(binding))
        {
            var loss = lossFunc(root.Call([.. inputs]), target).Inner;
            var gradients = Eager.gradients(loss, variables);

            // An option's None is null.
            return new(loss, [.. gradients.Select(g => g?.Value)], [.. module.State.Select(c => binding.Read(c.Cell))]);
        }

        void Bind(IReadOnlyList<(string Path, object Cell)> cells, IReadOnlyList<Core.Tensor> values)
        {
            foreach (var (cell, value) in cells.Zip(values))
            {
                binding.Bind(cell.Cell, value);
            }
        }
    }

    /// <summary>
    /// The paths of the parameters that are to be trained and that no gradient reaches. Nothing is computed or changed.
    /// </summary>
    public static IReadOnlyList<string> Unreached(
        Module root, Func<Tensor, Tensor, Tensor> lossFunc, IReadOnlyList<Tensor> inputs, Tensor target)
    {
        var module = new PureModule(root);
        var pass = Of(module, root, lossFunc, Values(module.Trained), Values(module.State), KeyModule.ofSeed(0), inputs, target);
        return [.. module.Trained.Zip(pass.Gradients).Where(x => x.Second is null).Select(x => x.First.Path)];

        static IReadOnlyList<Core.Tensor> Values(IReadOnlyList<(string Path, object Cell)> cells) =>
            [.. cells.Select(c => PureModule.Stored(c.Cell))];
    }
}
