using System.Collections;

namespace FunctionalDL;

/// <summary>
/// One <see cref="Module.HookOutput"/> for each of several modules, removed together: <c>using var hooks = new
/// HookOutputs(model);</c> (a <see cref="Sequential"/> is a list of its modules).
/// </summary>
/// <param name="modules">Whose outputs are kept.</param>
/// <param name="grad">Whether the gradients with respect to the outputs are kept instead.</param>
public sealed class HookOutputs(IEnumerable<Module> modules, bool grad = false) : IReadOnlyList<Hook>, IDisposable
{
    private readonly Hook[] _hooks = [.. modules.Select(module => module.HookOutput(grad))];

    /// <summary>How many there are.</summary>
    public int Count => _hooks.Length;

    /// <summary>A hook by the position of its module.</summary>
    /// <param name="index">The position.</param>
    public Hook this[int index] => _hooks[index];

    /// <summary>What they saw last, in the order of the modules; null for a module that was not called.</summary>
    public IReadOnlyList<Tensor?> Stored => [.. _hooks.Select(hook => hook.Stored)];

    /// <summary>Removes all of them.</summary>
    public void Dispose()
    {
        foreach (var hook in _hooks)
        {
            hook.Remove();
        }
    }

    /// <inheritdoc/>
    public IEnumerator<Hook> GetEnumerator() => ((IEnumerable<Hook>)_hooks).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
