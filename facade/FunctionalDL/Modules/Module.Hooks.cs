using System.Collections.Immutable;
using FunctionalDL.Core;
using FunctionalDL.Discovery;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>Hooks, and what a call tells whoever watches it.</content>
public abstract partial class Module
{
    private ImmutableArray<Hook> _hooks = [];

    /// <summary>Does something before each <c>Forward</c> of this module.</summary>
    /// <param name="hook">Given the module and its inputs.</param>
    /// <returns>The handle that removes it.</returns>
    public Hook RegisterForwardPreHook(Action<Module, IReadOnlyList<Tensor>> hook) =>
        Remember(new(this) { BeforeForward = hook });

    /// <summary>Does something after each <c>Forward</c> of this module. It may look at values, and changes nothing.</summary>
    /// <param name="hook">Given the module, its inputs and its output.</param>
    /// <returns>The handle that removes it.</returns>
    public Hook RegisterForwardHook(Action<Module, IReadOnlyList<Tensor>, Tensor> hook) =>
        Remember(new(this) { AfterForward = hook });

    /// <summary>
    /// Puts something else in the place of what each <c>Forward</c> of this module gives, as PyTorch's forward hooks do that
    /// return a value. Gradients go through it. Hooks that were registered later see the new output.
    /// </summary>
    /// <param name="replace">Given the module, its inputs and its output; returns the output that counts.</param>
    /// <returns>The handle that removes it.</returns>
    public Hook ReplaceOutput(Func<Module, IReadOnlyList<Tensor>, Tensor, Tensor> replace) =>
        Remember(new(this) { Replace = replace });

    /// <summary>
    /// Does something when <see cref="Tensor.Backward"/> has found the gradient with respect to an output of this module, even
    /// if nothing in the module is trained.
    /// </summary>
    /// <param name="hook">Given the module and the gradient.</param>
    /// <returns>The handle that removes it.</returns>
    public Hook RegisterBackwardHook(Action<Module, Tensor> hook) => Remember(new(this) { AfterBackward = hook });

    /// <summary>
    /// Keeps the output of this module's last call, detached, in <see cref="Hook.Stored"/>; or the gradient with respect to it.
    /// </summary>
    /// <param name="grad">Whether the gradient is kept.</param>
    /// <returns>The handle that removes it.</returns>
    public Hook HookOutput(bool grad = false)
    {
        Hook? made = null;

        made = grad
            ? RegisterBackwardHook((_, gradient) => made!.Stored = gradient)
            : RegisterForwardHook((_, _, output) => made!.Stored = output.Detach());

        return made;
    }

    /// <summary>Whether this module or one in it has hooks, so that what it computes cannot be compiled.</summary>
    internal bool HasHooks => Hook.AnyAlive && ModuleTree.Of(this).Modules.Any(m => !m.Module._hooks.IsEmpty);

    internal void Forget(Hook hook) =>
        ImmutableInterlocked.Update(ref _hooks, static (hooks, gone) => hooks.Remove(gone), hook);

    private Hook Remember(Hook hook)
    {
        ImmutableInterlocked.Update(ref _hooks, static (hooks, made) => hooks.Add(made), hook);
        return hook;
    }

    /// <summary>Forward, and what hooks do around it.</summary>
    private Tensor Observed(Tensor[] inputs)
    {
        var hooks = _hooks;

        foreach (var hook in hooks)
        {
            hook.BeforeForward?.Invoke(this, inputs);
        }

        var output = inputs.Length == 1 ? Forward(inputs[0]) : Forward(inputs);
        Ambient.Current.Watch?.Invoke(this, output);

        foreach (var hook in hooks)
        {
            hook.AfterForward?.Invoke(this, inputs, output);
            output = hook.Replace?.Invoke(this, inputs, output) ?? output;
        }

        var backward = hooks.Where(hook => hook.AfterBackward is not null).ToList();

        return backward.Count == 0 || !Ambient.Current.WantsGradients
            ? output
            : Probed(output, gradient => backward.ForEach(hook => hook.AfterBackward!(this, gradient)));
    }

    /// <summary>
    /// The output less a variable that is 0: the same bits, -0 and NaN included, and the gradient with respect to the
    /// variable is the negative of that with respect to the output.
    /// </summary>
    private static Tensor Probed(Tensor output, Action<Tensor> receive)
    {
        var probe = new Variable(null, Eager.variable(TensorModule.zerosLike(output.Inner)), g => receive(-g));
        Ambient.Current.Probes?.Add(probe);
        return new(output.Inner - probe.Inner, Sources.Union(output.Sources, new Sources(probe)));
    }
}
