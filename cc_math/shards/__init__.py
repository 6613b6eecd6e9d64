"""Token shards: one canonical token stream, thin writers, the verifier.

``tokenizer`` loads any Hugging Face tokenizer.json; ``layout`` says where a document lands;
``stream`` carries documents from corpus order to stream order; ``megatron`` and ``parquet`` are
the two formats; ``write`` makes the files of a shard; ``verify`` re-reads them;
``train_tokenizer`` makes the tokenizer that ships.
"""
