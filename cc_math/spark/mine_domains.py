def mine_domains(job, pages, documents, scores):
    return {"identity":"", "code_version":"","counts":{},"notes":[]}
