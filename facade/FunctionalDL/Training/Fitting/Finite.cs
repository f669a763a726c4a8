using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL.Fitting;

/// <summary>Finding the module where numbers stop being finite.</summary>
internal static class Finite
{
    /// <summary>Whether all elements are finite: 0 times them is 0.</summary>
    public static bool All(Core.Tensor x) => !x.DType.IsFloat32 && !x.DType.IsFloat64 || TensorModule.item(TensorModule.sum(x * 0.0)) == 0;

    /// <summary>
    /// The module whose output is the first that is not finite; or, when all outputs and the loss are, the last one
    /// whose parameters have such a gradient, for backward passes go from the end.
    /// </summary>
    public static string Place(Compiled compiled, IRun run, Module model, Batch batch)
    {
        var paths = model.NamedModules().ToDictionary(m => m.Module, m => m.Name.Length == 0 ? m.Module.TypeName : m.Name);
        var called = new List<Module>();
        Module? first = null;

        void Watch(Module module, Tensor output)
        {
            called.Add(module);
            first ??= All(output.Inner) ? null : module;
        }

        Tensor output;

        using (Ambient.Watching(Watch))
        {
            output = run.Forward(batch);
        }

        if (first is not null)
        {
            return $"the output of {paths[first]}";
        }

        var loss = compiled.Loss(output, batch);

        if (!All(loss.Inner))
        {
            return "the loss";
        }

        model.ZeroGrad();
        loss.Backward();
        var guilty = called.LastOrDefault(module =>
            module.NamedChildren().Count == 0 && module.Parameters().Any(p => p.Grad is { } grad && !All(grad.Inner)));
        model.ZeroGrad();
        return guilty is null ? "the optimiser's step" : $"the gradient of {paths[guilty]}";
    }
}
