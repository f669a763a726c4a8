using System.Collections.Concurrent;
using FunctionalDL.Core;
using FunctionalDL.Discovery;

namespace FunctionalDL.Interop;

/// <summary>
/// The randomness of one call of a network: each module in it draws from the key of its own path, as a layer of
/// the core does, so that adding one does not change the others. A module that is called again draws anew.
/// </summary>
internal sealed class CallKeys
{
    private readonly IReadOnlyDictionary<Module, string> _paths;
    private readonly Key _key;
    private readonly ConcurrentDictionary<Module, int> _calls = [];

    public CallKeys(IReadOnlyDictionary<Module, string> paths, Key key) => (_paths, _key) = (paths, key);

    /// <summary>The keys of a network's call.</summary>
    public static CallKeys Of(Module root, Key key) =>
        new(ModuleTree.Of(root).Modules.ToDictionary(m => m.Module, m => m.Path), key);

    /// <summary>The key of a module's next use; null for a module that does not belong to the network.</summary>
    public Key? Next(Module module)
    {
        if (!_paths.TryGetValue(module, out var path))
        {
            return null;
        }

        var own = path.Split('.', StringSplitOptions.RemoveEmptyEntries)
            .Aggregate(_key, (key, name) => KeyModule.child(name, key));

        var call = _calls.AddOrUpdate(module, 0, (_, before) => before + 1);
        return call == 0 ? own : KeyModule.child($"call {call}", own);
    }
}
